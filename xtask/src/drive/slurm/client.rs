//! Calls Slurm's programs (sbatch, squeue, sacct, scancel, scontrol) and parses their output. Nothing here
//! knows what the jobs are for.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::system::{paths, process};

/// Starts Slurm's programs.
#[derive(Clone, Debug, Default)]
pub(super) struct Client {
    /// Environment variables that are set for each of them; by these, tests reach a cluster of their own.
    environment: Vec<(String, String)>,
}

/// One task of a job array. Slurm forgets it some minutes after its end.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Task {
    /// Its id for Slurm's commands: `<array's job id>_<index>`.
    pub(super) id: String,
    /// The array's job id.
    pub(super) array: u64,
    /// Its index in the array.
    pub(super) index: usize,
    /// Slurm's spelling, e.g. `PENDING`.
    pub(super) state: String,
    /// The reason why it waits, in Slurm's spelling; `None` is Slurm's word for no reason.
    pub(super) reason: String,
}

impl Task {
    /// Whether it has ended and will not start again.
    pub(super) fn has_ended(&self) -> bool {
        has_ended(&self.state)
    }
}

/// The states of jobs that have ended for good.
const ENDED: [&str; 10] = [
    "BOOT_FAIL",
    "CANCELLED",
    "COMPLETED",
    "DEADLINE",
    "FAILED",
    "NODE_FAIL",
    "OUT_OF_MEMORY",
    "PREEMPTED",
    "REVOKED",
    "TIMEOUT",
];

/// Whether Slurm's state is one of a job that has ended for good.
fn has_ended(state: &str) -> bool {
    ENDED.contains(&state)
}

impl Client {
    /// A client that sets the variable `name` for Slurm's programs.
    #[cfg(test)]
    pub(super) fn with(name: &str, value: &Path) -> Client {
        let value = value.display().to_string();
        Client {
            environment: vec![(name.to_owned(), value)],
        }
    }

    /// A command for one of Slurm's programs.
    pub(super) fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command
    }

    /// Fails with one line where this machine has no Slurm to submit to.
    pub(super) fn require(&self) -> Result<()> {
        let started = self.command("sbatch").arg("--version").output();
        match started {
            Ok(output) if output.status.success() => Ok(()),
            _ => bail!(
                "--executor slurm: found no sbatch that starts, expected Slurm's commands in PATH\n\
                 hint: run this on a login node of the cluster, or leave --executor away"
            ),
        }
    }

    /// The most tasks an array may have.
    pub(super) fn max_array_size(&self) -> Result<usize> {
        let said = process::capture(
            self.command("scontrol").args(["show", "config"]),
            "asking Slurm for its configuration",
        )?;
        let value = said.lines().find_map(|line| {
            let (name, value) = line.split_once('=')?;
            (name.trim() == "MaxArraySize").then(|| value.trim().parse().ok())?
        });
        value.context("scontrol show config: found no number MaxArraySize, expected one")
    }

    /// Runs `sbatch` with `options`; returns the job's id.
    pub(super) fn submit(&self, options: &[String], script: &Path) -> Result<u64> {
        let mut command = self.command("sbatch");
        command.arg("--parsable").args(options).arg(script);
        let said = process::capture(&mut command, "submitting to Slurm")?;
        // "id", or "id;cluster" where there are several.
        let id = said.trim().split(';').next().unwrap_or_default();
        let id = id.parse().ok();
        id.with_context(|| format!("sbatch: found {:?}, expected a job's id", said.trim()))
    }

    /// The user's tasks whose working directory is `folder`, as far as Slurm still remembers them, each with
    /// the name of its array.
    pub(super) fn tasks(&self, folder: &Path) -> Result<Vec<(String, Task)>> {
        let mut command = self.command("squeue");
        command.args(["--me", "--states=all", "--array", "--noheader"]);
        command.args(["--format", "%F|%K|%T|%j|%r|%Z"]);
        let said = process::capture(&mut command, "asking Slurm for the jobs")?;
        Ok(queued(&said, folder))
    }

    /// The tasks of `arrays` that have ended, as (`<array>_<index>`, state) from Slurm's accounting.
    /// Empty where a cluster has no accounting.
    pub(super) fn accounts(&self, arrays: &[u64]) -> Vec<(String, String)> {
        let ids: Vec<String> = arrays.iter().map(u64::to_string).collect();
        let mut command = self.command("sacct");
        command.args(["--allocations", "--noheader", "--parsable2"]);
        command.args(["--format", "JobID,State", "--jobs", &ids.join(",")]);
        match command.output() {
            Ok(output) if output.status.success() => {
                accounted(&String::from_utf8_lossy(&output.stdout))
            }
            _ => Vec::new(),
        }
    }

    /// Runs `scancel` with `options` for the tasks `ids`; ignores tasks that have ended.
    pub(super) fn cancel(&self, options: &[&str], ids: &[String]) -> Result<()> {
        let mut command = self.command("scancel");
        command.arg("--quiet").args(options).args(ids);
        process::capture(&mut command, "cancelling jobs").map(|_| ())
    }
}

/// Parses squeue's lines `array|index|state|name|reason|working directory`. A working directory may be
/// another path to `folder`, by a link or another mount.
fn queued(said: &str, folder: &Path) -> Vec<(String, Task)> {
    let mut known = BTreeMap::new();
    let mut is_ours = |found: &str| {
        let of =
            |found: &str| Path::new(found) == folder || paths::are_same(Path::new(found), folder);
        *known.entry(found.to_owned()).or_insert_with(|| of(found))
    };
    let mut task = |line: &str| {
        let mut fields = line.splitn(6, '|');
        let array = fields.next()?.trim().parse().ok()?;
        let index = fields.next()?.parse().ok()?;
        let (state, name) = (fields.next()?.to_owned(), fields.next()?.to_owned());
        let reason = fields.next()?.to_owned();
        let task = Task {
            id: format!("{array}_{index}"),
            array,
            index,
            state,
            reason,
        };
        is_ours(fields.next()?).then_some((name, task))
    };
    said.lines().filter_map(&mut task).collect()
}

/// Parses sacct's lines `<array>_<index>|<state>` of ended tasks; `CANCELLED by 1000` becomes
/// `CANCELLED`.
fn accounted(said: &str) -> Vec<(String, String)> {
    let line = |line: &str| {
        let (id, state) = line.split_once('|')?;
        let state = state.split(' ').next()?;
        has_ended(state).then(|| (id.to_owned(), state.to_owned()))
    };
    said.lines().filter_map(line).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn only_this_folders_tasks_are_read() {
        let said = "12|0|RUNNING|guided.1|None|/work/a|b\n\
                    12|1|PENDING|guided.1|Dependency|/work/a|b\n\
                    13|0|RUNNING|guided.1|None|/work/other\n\
                    14|N/A|RUNNING|no array|None|/work/a|b\n";
        let found = queued(said, Path::new("/work/a|b"));
        let found: Vec<(&str, &str, &str, &str)> = found
            .iter()
            .map(|(name, t)| {
                (
                    name.as_str(),
                    t.id.as_str(),
                    t.state.as_str(),
                    t.reason.as_str(),
                )
            })
            .collect();
        let expected = [
            ("guided.1", "12_0", "RUNNING", "None"),
            ("guided.1", "12_1", "PENDING", "Dependency"),
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn a_folder_is_known_by_every_spelling() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        for name in ["out", "other"] {
            std::fs::create_dir(at(name)).unwrap();
        }
        std::os::unix::fs::symlink(at("out"), at("link")).unwrap();
        let spelled = [
            "out",
            "link",
            "other/../out",
            "out/",
            "link/.",
            "other",
            "gone",
        ];
        let line = |(n, name): (usize, &str)| {
            format!("{n}|0|RUNNING|data.1|None|{}\n", at(name).display())
        };
        let said: String = spelled.into_iter().enumerate().map(line).collect();
        for name in ["out", "link", "other/../link"] {
            let found = queued(&said, &at(name));
            let found: Vec<u64> = found.iter().map(|(_, task)| task.array).collect();
            assert_eq!(found, [0, 1, 2, 3, 4], "{name}");
        }
        // A folder that is gone can only be compared by its path: it is found under its own spelling alone.
        assert_eq!(queued(&said, &at("gone")).len(), 1);
    }

    #[test]
    fn accounts_of_what_has_ended_are_read() {
        let said = "12_0|COMPLETED\n12_1|CANCELLED by 1000\n12_2|RUNNING\n12_[3-4]|PENDING\n";
        let pair = |id: &str, state: &str| (id.to_owned(), state.to_owned());
        let expected = [pair("12_0", "COMPLETED"), pair("12_1", "CANCELLED")];
        assert_eq!(accounted(said), expected);
    }
}
