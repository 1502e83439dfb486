//! Finds out how much memory this program may still take. This is the least of two things: what the machine
//! has available, and what the limits of the program's cgroups leave. Cgroups (control groups of the
//! kernel, versions 1 and 2) are how containers and Slurm limit programs; they lie in each other, and each
//! may have a limit. Everything is read from files of the kernel below a root folder, which tests replace
//! by a folder with the files of another machine.

use std::fs::read_to_string;
use std::path::{Component, Path, PathBuf};

/// Returns the bytes that this program may still take; `None` where the files below `root` (`/` except in
/// tests) do not tell. Page cache that the kernel can drop counts as free.
pub fn available(root: &Path) -> Option<u64> {
    let machine = value_in(&root.join("proc/meminfo"), "MemAvailable:").map(|kib| 1024 * kib);
    let cgroups = cgroups(root);
    let left = cgroups.iter().flat_map(|cgroup| cgroup.left());
    left.chain(machine).min()
}

/// The names of the files in a cgroup's folder, in one version of cgroups.
struct Names {
    /// Files with upper limits in bytes. Beyond the least of them the kernel slows the cgroup down or ends
    /// a program in it.
    limits: &'static [&'static str],
    /// The file with the bytes in use.
    used: &'static str,
    /// The key in the file `memory.stat` of page cache that was not used lately, in the cgroup and those
    /// below it.
    cached: &'static str,
}

const V2: Names = Names {
    limits: &["memory.max", "memory.high"],
    used: "memory.current",
    cached: "inactive_file",
};
const V1: Names = Names {
    limits: &["memory.limit_in_bytes"],
    used: "memory.usage_in_bytes",
    cached: "total_inactive_file",
};

/// A cgroup: a folder of the kernel. The folders above it, up to the mount, are the cgroups it lies in.
struct Cgroup {
    names: &'static Names,
    /// The folder where the tree of cgroups is mounted.
    mount: PathBuf,
    /// The cgroup's folder, in `mount`.
    folder: PathBuf,
}

impl Cgroup {
    /// Returns the bytes that are left below the limit of the cgroup and of each one it lies in, if they
    /// have a limit.
    fn left(&self) -> impl Iterator<Item = u64> {
        let up = self.folder.ancestors();
        let levels = up.take_while(|folder| folder.starts_with(&self.mount));
        levels.filter_map(|folder| {
            // Without a limit the file has "max" in version 2, which is skipped as it is no number, and a
            // number near 2⁶³ in version 1, which leaves more than the machine has.
            let limits = self.names.limits.iter();
            let limit = limits.filter_map(|name| number(&folder.join(name))).min()?;
            let used = number(&folder.join(self.names.used))?;
            let cached = value_in(&folder.join("memory.stat"), self.names.cached).unwrap_or(0);
            Some(limit.saturating_sub(used.saturating_sub(cached)))
        })
    }
}

/// Returns the cgroups that this program is in: at most one of version 2, and one of version 1 that limits
/// memory.
fn cgroups(root: &Path) -> Vec<Cgroup> {
    let read = |file: &str| read_to_string(root.join(file)).unwrap_or_default();
    let (lines, mounts) = (read("proc/self/cgroup"), read("proc/self/mountinfo"));
    let cgroups = lines.lines().filter_map(|line| {
        // `0::/path` of version 2, `4:memory:/path` of version 1.
        let (_, rest) = line.split_once(':')?;
        let (controllers, path) = rest.split_once(':')?;
        let names = match controllers {
            "" => &V2,
            _ if controllers.split(',').any(|name| name == "memory") => &V1,
            _ => return None,
        };
        let (top, mount) = mounts.lines().find_map(|line| mount_of(line, names))?;
        let mount = within(root, &mount);
        // In a container the mount shows only the container's own cgroup, as its top folder.
        let below = Path::new(path).strip_prefix(&top).unwrap_or(Path::new(""));
        let folder = mount.join(below);
        let is_inside = below
            .components()
            .all(|part| matches!(part, Component::Normal(_)));
        Some(Cgroup {
            names,
            folder: if is_inside && folder.is_dir() {
                folder
            } else {
                mount.clone()
            },
            mount,
        })
    });
    cgroups.collect()
}

/// Returns the cgroup that is mounted and its mount point, if `line` of mountinfo mounts cgroups of the
/// version of `names`: `36 25 0:30 /top /mount/point rw … - cgroup2 cgroup2 rw`.
fn mount_of(line: &str, names: &Names) -> Option<(PathBuf, PathBuf)> {
    let (mount, system) = line.split_once(" - ")?;
    let mut system = system.split(' ');
    let (kind, _, options) = (system.next()?, system.next()?, system.next()?);
    let is_it = match kind {
        "cgroup2" => names.used == V2.used,
        "cgroup" => names.used == V1.used && options.split(',').any(|option| option == "memory"),
        _ => false,
    };
    let mut fields = mount.split(' ').skip(3);
    let (top, point) = (fields.next()?, fields.next()?);
    is_it.then(|| {
        (
            PathBuf::from(unescaped(top)),
            PathBuf::from(unescaped(point)),
        )
    })
}

/// Returns a path of mountinfo, which writes white space and backslashes as octal numbers, as it is.
fn unescaped(path: &str) -> String {
    [
        ("\\040", " "),
        ("\\011", "\t"),
        ("\\012", "\n"),
        ("\\134", "\\"),
    ]
    .iter()
    .fold(path.to_owned(), |path, (code, text)| {
        path.replace(code, text)
    })
}

/// Returns the absolute `path` below `root`.
fn within(root: &Path, path: &Path) -> PathBuf {
    root.join(path.strip_prefix("/").unwrap_or(path))
}

/// Reads the number that is a file's only content.
fn number(file: &Path) -> Option<u64> {
    read_to_string(file).ok()?.trim().parse().ok()
}

/// Reads the number after `key` in the line of `file` that begins with it.
fn value_in(file: &Path, key: &str) -> Option<u64> {
    let text = read_to_string(file).ok()?;
    let mut lines = text.lines().map(str::split_whitespace);
    let mut line = lines.find_map(|mut words| (words.next() == Some(key)).then_some(words))?;
    line.next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    const MIB: u64 = 1 << 20;
    const V2_MOUNT: &str =
        "30 24 0:26 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw,nsdelegate\n";

    /// Returns what [`available`] finds, in MiB, on a machine with 1000 MiB available and the given kernel
    /// files as (path, content). `{N}` in a content stands for N MiB in bytes.
    fn on(files: &[(&str, &str)]) -> Option<u64> {
        let root = tempfile::tempdir().unwrap();
        let meminfo = (
            "proc/meminfo",
            "MemTotal: 9999999 kB\nMemAvailable: 1024000 kB\n",
        );
        for (file, text) in [meminfo].iter().chain(files) {
            let file = root.path().join(file);
            std::fs::create_dir_all(file.parent().unwrap()).unwrap();
            let parts = text
                .split(['{', '}'])
                .enumerate()
                .map(|(i, part)| match i % 2 {
                    0 => part.to_owned(),
                    _ => (part.parse::<u64>().unwrap() * MIB).to_string(),
                });
            std::fs::write(file, parts.collect::<String>()).unwrap();
        }
        let found = available(root.path());
        found.map(|bytes| bytes / MIB)
    }

    #[test]
    fn the_machine_tells_where_no_cgroup_limits() {
        assert_eq!(on(&[]), Some(1000));
        let unlimited = [
            ("proc/self/cgroup", "0::/user.slice\n"),
            ("proc/self/mountinfo", V2_MOUNT),
            ("sys/fs/cgroup/user.slice/memory.max", "max\n"),
            ("sys/fs/cgroup/user.slice/memory.high", "max\n"),
            ("sys/fs/cgroup/user.slice/memory.current", "{700}\n"),
        ];
        assert_eq!(on(&unlimited), Some(1000));
        // No mount, no such folder, no number, no controller of memory: nothing is known of a limit.
        assert_eq!(on(&unlimited[..1]), Some(1000));
        assert_eq!(on(&unlimited[..2]), Some(1000));
        let broken = ("sys/fs/cgroup/user.slice/memory.max", "many\n");
        assert_eq!(on(&[unlimited[0], unlimited[1], broken]), Some(1000));
        let root = tempfile::tempdir().unwrap();
        assert_eq!(available(root.path()), None);
    }

    #[test]
    fn version_2_limits_at_every_level() {
        let files = [
            ("proc/self/cgroup", "0::/slurm/job_7/task_0\n"),
            ("proc/self/mountinfo", V2_MOUNT),
            ("sys/fs/cgroup/slurm/job_7/task_0/memory.max", "max\n"),
            ("sys/fs/cgroup/slurm/job_7/task_0/memory.current", "{100}\n"),
            ("sys/fs/cgroup/slurm/job_7/memory.max", "{600}\n"),
            ("sys/fs/cgroup/slurm/job_7/memory.current", "{150}\n"),
        ];
        assert_eq!(on(&files), Some(450));
        let with = |more: &[(&str, &str)]| on(&[&files[..], more].concat());
        let high = ("sys/fs/cgroup/slurm/job_7/memory.high", "{500}\n");
        assert_eq!(with(&[high]), Some(350));
        let own = ("sys/fs/cgroup/slurm/job_7/task_0/memory.max", "{300}\n");
        assert_eq!(with(&[own]), Some(200));
        let top = [
            ("sys/fs/cgroup/slurm/memory.max", "{900}\n"),
            ("sys/fs/cgroup/slurm/memory.current", "{899}\n"),
        ];
        assert_eq!(with(&top), Some(1));
        let full = ("sys/fs/cgroup/slurm/job_7/memory.current", "{601}\n");
        assert_eq!(with(&[full]), Some(0));
        // Files that were read are given back when memory is asked for.
        let cached = "anon {30}\nfile {120}\ninactive_file {110}\nactive_file {10}\n";
        let read = ("sys/fs/cgroup/slurm/job_7/memory.stat", cached);
        assert_eq!(with(&[read]), Some(560));
        // More than the machine has is no limit.
        let wide = ("sys/fs/cgroup/slurm/job_7/memory.max", "{5000}\n");
        assert_eq!(with(&[wide]), Some(1000));
    }

    #[test]
    fn version_1_limits_at_every_level() {
        let unlimited = "9223372036854771712\n";
        let files = [
            (
                "proc/self/cgroup",
                "12:cpu,cpuacct:/elsewhere\n4:memory:/slurm/uid_0/job_7\n0::/\n",
            ),
            (
                "proc/self/mountinfo",
                "31 24 0:27 / /sys/fs/cgroup/cpu rw shared:3 - cgroup cgroup rw,cpu,cpuacct\n\
                 32 24 0:28 / /sys/fs/cgroup/memory rw shared:4 - cgroup cgroup rw,memory\n\
                 33 24 0:29 / /sys/fs/cgroup/unified rw shared:5 - cgroup2 cgroup2 rw\n",
            ),
            ("sys/fs/cgroup/unified/cgroup.procs", "1\n"),
            ("sys/fs/cgroup/memory/memory.limit_in_bytes", unlimited),
            ("sys/fs/cgroup/memory/memory.usage_in_bytes", "{4000}\n"),
            (
                "sys/fs/cgroup/memory/slurm/uid_0/memory.limit_in_bytes",
                "{800}\n",
            ),
            (
                "sys/fs/cgroup/memory/slurm/uid_0/memory.usage_in_bytes",
                "{500}\n",
            ),
            (
                "sys/fs/cgroup/memory/slurm/uid_0/job_7/memory.limit_in_bytes",
                "{700}\n",
            ),
            (
                "sys/fs/cgroup/memory/slurm/uid_0/job_7/memory.usage_in_bytes",
                "{90}\n",
            ),
        ];
        assert_eq!(on(&files), Some(300));
        let read = (
            "sys/fs/cgroup/memory/slurm/uid_0/memory.stat",
            "inactive_file {1}\ntotal_inactive_file {40}\n",
        );
        assert_eq!(on(&[&files[..], &[read]].concat()), Some(340));
    }

    /// A container without a cgroup namespace is told its cgroup's path on the host, while the mount shows
    /// only that cgroup. In one with a namespace the path is `/`, and a cgroup outside is `/..`. In all these
    /// cases the limit must be read at the mount's top: 512 − 12 = 500 MiB.
    #[test]
    fn a_container_finds_its_limit_at_the_mounts_top() {
        let mount = "35 24 0:30 /docker/0f /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n";
        for (path, mount) in [
            ("0::/docker/0f\n", mount),
            ("0::/\n", V2_MOUNT),
            ("0::/../../elsewhere\n", V2_MOUNT),
            ("0::/outside/it\n", mount),
        ] {
            let found = on(&[
                ("proc/self/cgroup", path),
                ("proc/self/mountinfo", mount),
                ("sys/fs/cgroup/memory.max", "{512}\n"),
                ("sys/fs/cgroup/memory.current", "{12}\n"),
            ]);
            assert_eq!(found, Some(500), "{path}");
        }
        let spaced = V2_MOUNT.replace("/sys/fs/cgroup", "/sys/c\\040g");
        let found = on(&[
            ("proc/self/cgroup", "0::/\n"),
            ("proc/self/mountinfo", &spaced),
            ("sys/c g/memory.max", "{512}\n"),
            ("sys/c g/memory.current", "{12}\n"),
        ]);
        assert_eq!(found, Some(500));
    }
}
