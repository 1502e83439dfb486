//! Finds out the states of submitted steps. Slurm's queue is asked first, but it forgets a job minutes after
//! its end. Then other sources are tried in turn: the exit code 0 that the batch script wrote, Slurm's accounting
//! where a cluster has it, another exit code that was written, and Slurm's last line in the job's output.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Result, bail};
use fs_err as fs;

use super::queue::Queue;
use super::record::{Record, TaskId};
use crate::install::pip;
use crate::system::paths;
use crate::system::signals::STOPPED;

/// The state of a submitted step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// Waiting; the text is the reason in Slurm's spelling.
    Waiting(String),
    Running,
    Succeeded,
    /// Cancelled, or it saved its work and was not requeued. Submitted again, it resumes.
    Stopped,
    /// Ended without success; the text says how: `exit code 1`, `timeout`, …
    Failed(String),
}

/// A submitted step.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Submitted {
    /// The step's key in the plan.
    pub(crate) key: String,
    pub(crate) state: State,
    /// The file with the job's output, to which Slurm also writes why it ended a job.
    pub(crate) output: PathBuf,
}

/// The submitted steps, in the order they were submitted in.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Status(Vec<Submitted>);

impl Queue {
    /// The states of all submitted steps. Slurm is not asked where there are none.
    pub(crate) fn status(&self) -> Result<Status> {
        let record = Record::read(&self.out)?;
        if record.arrays.is_empty() {
            return Ok(Status::default());
        }
        let tasks = self.client.tasks(&self.out).map_err(|error| {
            let file = self.out.join("slurm/jobs.toml");
            let file = paths::shown(&file);
            let text = format!("once none of them is left anywhere, remove {file}");
            pip::hint(error, &text)
        })?;
        let ids: Vec<u64> = record.arrays.iter().filter_map(|array| array.id).collect();
        let accounts: BTreeMap<_, _> = self.client.accounts(&ids).into_iter().collect();
        let task_ids = record.task_ids();
        let mut steps = Vec::new();
        for array in &record.arrays {
            for (index, key) in array.keys.iter().enumerate() {
                let task_id = &task_ids[key.as_str()];
                if (&task_id.name, task_id.index) != (&array.name, index) {
                    continue; // it was submitted again
                }
                let state = match task_id.task(&tasks) {
                    Some(task) => self.in_slurm(task_id, &task.state, &task.reason),
                    None => self.forgotten(task_id, &accounts),
                };
                steps.push(Submitted {
                    key: key.clone(),
                    state,
                    output: self.file(task_id, "out"),
                });
            }
        }
        Ok(Status(steps))
    }

    /// Prints the number of steps in each state to stderr, whenever it changes, until none waits or
    /// runs. Slurm is asked every `interval`; an error, such as a busy controller, is printed and asked again.
    pub(crate) fn wait(&self, interval: Duration) -> Status {
        let mut shown = String::new();
        loop {
            match self.status() {
                Ok(status) => {
                    let counts = status.counts();
                    if counts != shown {
                        eprintln!("{counts}\n");
                        shown = counts;
                    }
                    if !status.is_active() {
                        return status;
                    }
                }
                Err(error) => eprintln!("{error:#}"),
            }
            std::thread::sleep(interval);
        }
    }

    /// Takes all waiting steps out of the queue, and ends the running ones, which save what they can;
    /// returns their number.
    pub(crate) fn cancel(&self) -> Result<usize> {
        let record = Record::read(&self.out)?;
        if record.arrays.is_empty() {
            return Ok(0);
        }
        let tasks = self.client.tasks(&self.out)?;
        let task_ids = record.task_ids();
        let queued = task_ids.values().filter_map(|task_id| task_id.task(&tasks));
        let queued = queued.filter(|task| !task.has_ended());
        let ids: Vec<String> = queued.map(|task| task.id.clone()).collect();
        if !ids.is_empty() {
            self.client.cancel(&[], &ids)?;
        }
        Ok(ids.len())
    }

    /// Fails where steps are in the queue or at work: two programs must not do the same step.
    pub(crate) fn require_idle(&self) -> Result<()> {
        if self.status()?.is_active() {
            let out = paths::shown(&self.out);
            bail!(
                "{out}: found steps in Slurm's queue, expected none\nhint: cargo xtask status \
                 shows them, with --cancel it takes them out"
            );
        }
        Ok(())
    }

    /// The state of a task that has `state` and `reason` in Slurm's words.
    fn in_slurm(&self, task_id: &TaskId, state: &str, reason: &str) -> State {
        match state {
            "RUNNING" | "COMPLETING" => State::Running,
            "COMPLETED" => State::Succeeded,
            "CANCELLED" => State::Stopped,
            "FAILED" => match self.exit_code(task_id) {
                Some(code) => ended(code),
                None => State::Failed("failed".to_owned()),
            },
            "BOOT_FAIL" | "DEADLINE" | "NODE_FAIL" | "OUT_OF_MEMORY" | "PREEMPTED" | "REVOKED"
            | "TIMEOUT" => State::Failed(state.to_lowercase().replace('_', " ")),
            _ => State::Waiting(match reason {
                "None" | "" => state.to_lowercase(),
                _ => reason.to_owned(),
            }),
        }
    }

    /// The state of a task that Slurm's queue does not know any more.
    fn forgotten(&self, task_id: &TaskId, accounts: &BTreeMap<String, String>) -> State {
        let code = self.exit_code(task_id);
        if code == Some(0) {
            return State::Succeeded;
        }
        let id = task_id.id.map(|id| format!("{id}_{}", task_id.index));
        if let Some(state) = id.and_then(|id| accounts.get(&id)) {
            return self.in_slurm(task_id, state, "");
        }
        let output = self.file(task_id, "out");
        match code {
            Some(code) => ended(code),
            None if !output.exists() => State::Stopped, // cancelled before it began
            None => match last_words(&output) {
                Some(words) => State::Failed(words),
                None => State::Failed("ended without an exit code".to_owned()),
            },
        }
    }

    /// The exit code that the batch script wrote after the step; None where it wrote none.
    fn exit_code(&self, task_id: &TaskId) -> Option<i32> {
        let text = fs::read_to_string(self.file(task_id, "exit")).ok()?;
        text.trim().parse().ok()
    }

    /// The path of a file of the task: its output (`out`) or its exit code (`exit`).
    fn file(&self, task_id: &TaskId, extension: &str) -> PathBuf {
        let name = format!("{}-{}.{extension}", task_id.name, task_id.index);
        self.out.join("slurm").join(name)
    }
}

impl Status {
    /// The state of the step `key`, if it was submitted.
    pub(crate) fn of(&self, key: &str) -> Option<&Submitted> {
        self.0.iter().find(|step| step.key == key)
    }

    /// Whether anything waits or runs.
    pub(crate) fn is_active(&self) -> bool {
        let is_active = |state: &State| matches!(state, State::Waiting(_) | State::Running);
        self.0.iter().any(|step| is_active(&step.state))
    }

    /// One line for each stage: the number of its steps in each state.
    pub(crate) fn counts(&self) -> String {
        let mut stages: Vec<(&str, BTreeMap<String, usize>)> = Vec::new();
        for step in &self.0 {
            let stage = step.key.split('/').next().unwrap_or_default();
            let word = match &step.state {
                State::Waiting(reason) => format!("waiting ({reason})"),
                State::Running => "running".to_owned(),
                State::Succeeded => "done".to_owned(),
                State::Stopped => "stopped".to_owned(),
                State::Failed(_) => "failed".to_owned(),
            };
            let at = stages.iter().position(|(known, _)| *known == stage);
            let at = at.unwrap_or_else(|| {
                stages.push((stage, BTreeMap::new()));
                stages.len() - 1
            });
            *stages[at].1.entry(word).or_default() += 1;
        }
        let line = |(stage, words): &(&str, BTreeMap<String, usize>)| {
            let words: Vec<String> = words
                .iter()
                .map(|(word, n)| format!("{n} {word}"))
                .collect();
            format!("{stage:<10} {}", words.join(", "))
        };
        stages.iter().map(line).collect::<Vec<_>>().join("\n")
    }
}

/// The state of a step that ended with this exit code.
fn ended(code: i32) -> State {
    match code == i32::from(STOPPED) {
        true => State::Stopped,
        false => State::Failed(format!("exit code {code}")),
    }
}

/// The reason why Slurm ended a job, from its last line: `slurmstepd: error: *** JOB 7 ON node
/// CANCELLED AT … DUE TO TIME LIMIT ***`.
fn last_words(output: &Path) -> Option<String> {
    let said = fs::read(output).ok()?;
    let said = String::from_utf8_lossy(&said);
    let (_, words) = said.rsplit_once("error: *** ")?;
    let (words, _) = words.split_once(" ***")?;
    Some(words.to_owned())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::super::client::Client;
    use super::*;

    #[test]
    fn what_slurm_has_forgotten_is_told_by_what_is_left() {
        let out = tempfile::tempdir().unwrap();
        std::fs::create_dir(out.path().join("slurm")).unwrap();
        for (name, text) in [
            ("guided.1-0.exit", "0\n"),
            ("guided.1-1.exit", "75\n"),
            ("guided.1-2.exit", "1\n"),
            ("guided.1-5.out", "said\n"),
            ("guided.1-6.out", "said\n"),
            (
                "guided.1-4.out",
                "said\nslurmstepd: error: *** JOB 9 ON n CANCELLED AT 1 DUE TO TIME LIMIT ***\n",
            ),
        ] {
            std::fs::write(out.path().join("slurm").join(name), text).unwrap();
        }
        let queue = Queue {
            out: out.path().to_owned(),
            client: Client::default(),
        };
        // Slurm's accounting, by task. It does not count for task 0, whose exit file says success.
        let accounts = [
            ("7_0", "NODE_FAIL"),
            ("7_3", "OUT_OF_MEMORY"),
            ("7_6", "CANCELLED"),
        ];
        let accounts = accounts.map(|(id, state)| (id.to_owned(), state.to_owned()));
        let accounts = BTreeMap::from(accounts);
        let failed = |how: &str| State::Failed(how.to_owned());
        // The task's index, its job where one is known, and the state that is found.
        let cases = [
            (0, Some(7), State::Succeeded),
            (1, Some(7), State::Stopped),
            (2, Some(7), failed("exit code 1")),
            (3, Some(7), failed("out of memory")),
            (
                4,
                Some(7),
                failed("JOB 9 ON n CANCELLED AT 1 DUE TO TIME LIMIT"),
            ),
            (5, Some(7), failed("ended without an exit code")),
            (6, Some(7), State::Stopped),
            (7, Some(7), State::Stopped),
            (7, None, State::Stopped),
        ];
        for (index, id, expected) in cases {
            let name = "guided.1".to_owned();
            let found = queue.forgotten(&TaskId { name, id, index }, &accounts);
            assert_eq!(found, expected, "{index}");
        }
    }

    #[test]
    fn a_stage_is_a_line() {
        let waiting = |reason: &str| State::Waiting(reason.to_owned());
        let steps = [
            ("data", State::Succeeded),
            ("guided/0", State::Running),
            ("guided/1", waiting("Priority")),
            ("guided/2", waiting("Priority")),
            ("report", waiting("Dependency")),
            ("guided/3", waiting("JobArrayTaskLimit")),
        ];
        let steps = steps.map(|(key, state)| Submitted {
            key: key.to_owned(),
            state,
            output: PathBuf::new(),
        });
        let status = Status(steps.to_vec());
        let expected = "data       1 done\n\
                        guided     1 running, 1 waiting (JobArrayTaskLimit), 2 waiting (Priority)\n\
                        report     1 waiting (Dependency)";
        assert_eq!(status.counts(), expected);
        assert!(status.is_active());
        assert_eq!(status.of("report").unwrap().state, waiting("Dependency"));
    }
}
