//! Finds out how much memory this program and those it starts may use: the machine's, or less in a container
//! or a cluster's job, which limit it by cgroups. It is known on Linux alone.

use std::path::{Path, PathBuf};

use fs_err as fs;

/// Memory in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Memory {
    pub(crate) total: u64,
    /// What may still be taken, counting cached files that the system would drop.
    pub(crate) available: u64,
}

/// The memory, by the system's files below `root` (`/` except in tests); None where these do not tell.
pub(crate) fn memory(root: &Path) -> Option<Memory> {
    let text = fs::read_to_string(root.join("proc/meminfo")).ok()?;
    let bytes = |key: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(key))?;
        Some(line.split_whitespace().next()?.parse::<u64>().ok()? * 1024)
    };
    let machine = Memory {
        total: bytes("MemTotal:")?,
        available: bytes("MemAvailable:")?,
    };
    let limited = |found: Memory, cgroup: Memory| Memory {
        total: found.total.min(cgroup.total),
        available: found.available.min(cgroup.available),
    };
    Some(cgroups(root).into_iter().fold(machine, limited))
}

/// The limits of the cgroups that this program is in: its own and all above it. Each of them holds.
fn cgroups(root: &Path) -> Vec<Memory> {
    let own = fs::read_to_string(root.join("proc/self/cgroup")).unwrap_or_default();
    let mut found = Vec::new();
    for line in own.lines() {
        // "0::/path" in version 2; "4:memory:/path", or with others of its kind, in version 1.
        let mut fields = line.splitn(3, ':').skip(1);
        let (Some(kinds), Some(path)) = (fields.next(), fields.next()) else {
            continue;
        };
        let (mount, limit, used, cache) = match kinds {
            "" => ("", "memory.max", "memory.current", "inactive_file "),
            _ if kinds.split(',').any(|kind| kind == "memory") => (
                "memory",
                "memory.limit_in_bytes",
                "memory.usage_in_bytes",
                "total_inactive_file ",
            ),
            _ => continue,
        };
        let mount = root.join("sys/fs/cgroup").join(mount);
        // In a container the path may be the host's, and the cgroup the mount itself.
        let path = PathBuf::from(path.trim_start_matches('/'));
        for folder in path.ancestors().map(|path| mount.join(path)) {
            let number = |name: &str| {
                let text = fs::read_to_string(folder.join(name)).ok()?;
                text.trim().parse::<u64>().ok() // "max", which is no number, where there is no limit
            };
            let Some(total) = number(limit) else { continue };
            // Memory in use includes cached files, which the system drops when memory is needed.
            let stat = fs::read_to_string(folder.join("memory.stat")).unwrap_or_default();
            let cached = stat.lines().find_map(|line| line.strip_prefix(cache));
            let cached = cached
                .and_then(|text| text.trim().parse().ok())
                .unwrap_or(0);
            let used = number(used).unwrap_or(0).saturating_sub(cached);
            found.push(Memory {
                total,
                available: total.saturating_sub(used),
            });
        }
    }
    found
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    /// Total and available memory in MiB that are found on a machine of 64 GiB, 60 of them available, which
    /// has `files` (path, content) besides; `files` may replace the default proc/meminfo.
    fn found(files: &[(&str, &str)]) -> Option<(u64, u64)> {
        let root = tempfile::tempdir().unwrap();
        let meminfo = "MemTotal: 67108864 kB\nMemFree: 1 kB\nMemAvailable: 62914560 kB\n";
        for (name, text) in [&[("proc/meminfo", meminfo)], files].concat() {
            let path = root.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        let memory = memory(root.path())?;
        Some((memory.total >> 20, memory.available >> 20))
    }

    #[test]
    fn the_least_limit_counts() {
        assert_eq!(found(&[]), Some((65536, 61440)));
        assert_eq!(found(&[("proc/meminfo", "")]), None);
        let job = ("proc/self/cgroup", "0::/slurm/job_7\n");
        // The job has no limit of its own, but the cgroup above it has: 4 GiB, of which 3 are in use and 1 of these
        // holds cached files, so that 2 are available.
        let above = [
            job,
            ("sys/fs/cgroup/slurm/job_7/memory.max", "max\n"),
            ("sys/fs/cgroup/slurm/memory.max", "4294967296\n"),
            ("sys/fs/cgroup/slurm/memory.current", "3221225472\n"),
            (
                "sys/fs/cgroup/slurm/memory.stat",
                "anon 5\ninactive_file 1073741824\n",
            ),
        ];
        assert_eq!(found(&above), Some((4096, 2048)));
        // A container: its cgroup is the mount, whatever the path says.
        let container = [job, ("sys/fs/cgroup/memory.max", "2147483648\n")];
        assert_eq!(found(&container), Some((2048, 2048)));
        let version_1 = [
            ("proc/self/cgroup", "5:cpu:/a\n4:hugetlb,memory:/a\n"),
            (
                "sys/fs/cgroup/memory/a/memory.limit_in_bytes",
                "1073741824\n",
            ),
            (
                "sys/fs/cgroup/memory/a/memory.usage_in_bytes",
                "536870912\n",
            ),
        ];
        assert_eq!(found(&version_1), Some((1024, 512)));
        // Where there is no limit, version 1 writes a number beyond any machine's memory.
        let without = [
            ("proc/self/cgroup", "4:memory:/\n"),
            (
                "sys/fs/cgroup/memory/memory.limit_in_bytes",
                "9223372036854771712\n",
            ),
        ];
        assert_eq!(found(&without), Some((65536, 61440)));
    }
}
