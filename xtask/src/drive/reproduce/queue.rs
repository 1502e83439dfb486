//! Runs the jobs of a plan on this machine. Workers, a thread each, take the next job that can begin and
//! start it as a process (`xtask step`). When a job fails, only the jobs that need it are left out. A signal
//! is passed on to the running jobs, which then save their work, and no further job begins.

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result};
use fs_err as fs;

use super::board::Board;
use super::outcome::Outcome;
use crate::drive::plan::Job;
use crate::system::signals::{STOPPED, Stop};
use crate::system::{process, threads};

/// The jobs, and what is needed to run them.
pub(super) struct Queue<'a> {
    pub(super) jobs: &'a [Job],
    /// The device of each worker.
    pub(super) workers: Vec<String>,
    pub(super) stop: Stop,
    /// The lock of the out folder. Every job inherits it as its stdin, so that it is held until the last job is
    /// gone.
    pub(super) lock: &'a fs::File,
    /// The path of this program (xtask).
    pub(super) program: PathBuf,
    pub(super) board: &'a Board,
}

/// The outcome of each job, in the order of the jobs.
#[derive(Clone)]
struct Outcomes(Vec<Outcome>);

impl Queue<'_> {
    /// Runs all jobs that can be run; returns the outcome of each.
    pub(super) fn run(&self) -> Vec<Outcome> {
        let shared = Mutex::new(Outcomes(vec![Outcome::Waiting; self.jobs.len()]));
        let changed = Condvar::new();
        std::thread::scope(|scope| {
            for device in &self.workers {
                scope.spawn(|| self.work(device, &shared, &changed));
            }
        });
        let shared = shared.into_inner();
        shared.unwrap_or_else(PoisonError::into_inner).0
    }

    /// A worker's thread: runs the next job that can begin, until none is left.
    fn work(&self, device: &str, shared: &Mutex<Outcomes>, changed: &Condvar) {
        let mut state = held(shared);
        loop {
            state.leave_out(self.jobs);
            let is_over = !state.0.contains(&Outcome::Waiting);
            if is_over || self.stop.is_asked() {
                return;
            }
            let Some(index) = state.next(self.jobs) else {
                // A signal does not notify `changed`.
                let waited = changed.wait_timeout(state, Duration::from_millis(200));
                state = waited.unwrap_or_else(PoisonError::into_inner).0;
                continue;
            };
            state.0[index] = Outcome::Running;
            let n_at_once = state.n_at_once(self.jobs, self.workers.len());
            drop(state);
            let outcome = self.perform(&self.jobs[index], device, n_at_once);
            let outcome = outcome.unwrap_or_else(|error| Outcome::Failed(format!("{error:#}")));
            self.board.end(&self.jobs[index].key, &outcome);
            state = held(shared);
            state.0[index] = outcome;
            changed.notify_all();
        }
    }

    /// Runs one job to its end. `n_at_once` jobs share the cores; this one gets an equal part of them.
    fn perform(&self, job: &Job, device: &str, n_at_once: usize) -> Result<Outcome> {
        let mut command = Command::new(&self.program);
        command
            .arg("step")
            .args(&job.args)
            .args(["--device", device]);
        command.stdin(self.lock.file().try_clone()?);
        command.stdout(Stdio::null());
        if n_at_once > 1 {
            threads::bound(&mut command, (threads::cores() / n_at_once).max(1));
        }
        let line = self.board.begin(job, device);
        let last_error = Arc::new(Mutex::new(None));
        let said = Arc::clone(&last_error);
        let reader = process::read_stderr(&mut command, move |text| {
            if let Some(error) = text.strip_prefix("error: ") {
                *said.lock().unwrap_or_else(PoisonError::into_inner) = Some(error.to_owned());
            }
            line.say(&text);
        })?;
        let started = command.spawn();
        // The command holds a writing end of the stderr pipe; the reader ends when all of them are closed.
        drop(command);
        let mut child =
            started.with_context(|| format!("{}: could not be started", self.program.display()))?;
        let passed_on = self.stop.pass_to(child.id());
        let status = child.wait()?;
        drop(passed_on);
        reader.join().ok();
        let error = last_error
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        Ok(match status.code() {
            Some(0) => Outcome::Finished,
            Some(code) if code == i32::from(STOPPED) => Outcome::Stopped,
            _ if self.stop.is_asked() => Outcome::Stopped,
            _ => Outcome::Failed(error.unwrap_or_else(|| format!("{status}"))),
        })
    }
}

impl Outcomes {
    /// Marks as left out the waiting jobs that need a job that did not or will not finish. The report needs
    /// no particular job, but at least one score.
    fn leave_out(&mut self, jobs: &[Job]) {
        for (index, job) in jobs.iter().enumerate() {
            if self.0[index] != Outcome::Waiting {
                continue;
            }
            let is_lost = |&before: &usize| self.0[before].is_lost();
            let mut before = job.after.iter();
            let is_left_out = match job.is_report() {
                true => !job.after.is_empty() && before.all(is_lost),
                false => before.any(is_lost),
            };
            if is_left_out {
                self.0[index] = Outcome::LeftOut;
            }
        }
    }

    /// The index of the first job that can begin.
    fn next(&self, jobs: &[Job]) -> Option<usize> {
        (0..jobs.len()).find(|&index| {
            let job = &jobs[index];
            let is_over = |&before: &usize| {
                let outcome = &self.0[before];
                *outcome == Outcome::Finished || (job.is_report() && outcome.is_lost())
            };
            self.0[index] == Outcome::Waiting && job.after.iter().all(is_over)
        })
    }

    /// How many jobs are about to share the machine: those that run, and those that can begin now, but no more
    /// than there are workers.
    fn n_at_once(&self, jobs: &[Job], n_workers: usize) -> usize {
        let mut soon = self.clone();
        while let Some(index) = soon.next(jobs) {
            soon.0[index] = Outcome::Running;
        }
        let running = soon
            .0
            .iter()
            .filter(|outcome| **outcome == Outcome::Running);
        running.count().clamp(1, n_workers)
    }
}

impl Outcome {
    /// Whether the job has ended without a result, or will not begin.
    fn is_lost(&self) -> bool {
        matches!(
            self,
            Outcome::Failed(_) | Outcome::LeftOut | Outcome::Stopped
        )
    }
}

/// The outcomes, locked.
fn held(shared: &Mutex<Outcomes>) -> MutexGuard<'_, Outcomes> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}
