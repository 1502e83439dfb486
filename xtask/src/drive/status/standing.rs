//! Finds out the state of each step of a plan from the files in the reproduction's out folder and from what Slurm
//! says, if steps were submitted to a cluster.

use std::path::Path;

use crate::drive::plan::{PlanFile, StepLine};
use crate::drive::slurm;
use crate::drive::step::record::{self, Record, State};
use crate::system::lock::Holder;
use crate::system::paths;

/// The state of a step, as far as its files and Slurm tell.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Standing {
    Done,
    /// The text is its device and host, the number its seconds so far.
    Running(String, f64),
    /// The text is the reason.
    Failed(String),
    /// Stopped by a signal; it resumes when it is started again.
    Stopped,
    /// It is running or was killed: its lock, which would tell, cannot be asked. The text is the error.
    Unknown(String),
    /// Not begun.
    Waiting,
    /// Waiting in Slurm's queue; the text is the reason in Slurm's words.
    Queued(String),
}

impl Standing {
    /// Whether it runs, may run, or will be started by Slurm.
    pub(super) fn is_at_work(&self) -> bool {
        matches!(
            self,
            Standing::Running(..) | Standing::Unknown(_) | Standing::Queued(_)
        )
    }
}

/// The state of each step; `slurm` is the answer of Slurm's queue.
pub(crate) fn standings(out: &Path, plan: &PlanFile, slurm: &slurm::Status) -> Vec<Standing> {
    let both = |step: &StepLine| {
        let by_files = standing(out, step);
        match slurm.of(&step.key) {
            Some(job) => with_job(by_files, job),
            None => by_files,
        }
    };
    plan.step.iter().map(both).collect()
}

/// Combines what a step's files and what Slurm say. The files count first. Slurm alone knows whether the step was
/// submitted again and how it was killed; and a lock taken on a node may not be visible on this machine.
fn with_job(by_files: Standing, job: &slurm::Submitted) -> Standing {
    match (by_files, &job.state) {
        (by_files @ Standing::Running(..), _) => by_files,
        (_, slurm::State::Waiting(reason)) => Standing::Queued(reason.clone()),
        (Standing::Done, _) => Standing::Done,
        (_, slurm::State::Running) => Standing::Running("a node of Slurm's".to_owned(), 0.0),
        (
            Standing::Stopped | Standing::Waiting | Standing::Unknown(_),
            slurm::State::Failed(how),
        ) => {
            let output = paths::shown(&job.output);
            Standing::Failed(format!("{how}, says Slurm: {output}"))
        }
        (by_files, _) => by_files,
    }
}

/// The state of `step` by its files. Where its record cannot be read, prints a warning and takes the state that
/// the plan has.
fn standing(out: &Path, step: &StepLine) -> Standing {
    let record = Record::read(out, &step.key).unwrap_or_else(|error| {
        eprintln!(
            "warning: {error:#}: what became of {} is not known",
            step.key
        );
        None
    });
    let Some(record) = record else {
        return match step.is_done {
            true => Standing::Done,
            false => Standing::Waiting,
        };
    };
    match record.state {
        State::Finished => Standing::Done,
        State::Failed => Standing::Failed(record.error.unwrap_or_default()),
        State::Stopped => Standing::Stopped,
        State::Running => match record::holder(out, &step.key) {
            Holder::Nobody => Standing::Stopped,
            Holder::Another => {
                let seconds = record::now().as_secs().saturating_sub(record.began);
                let device = format!("{} of {}", record.device, record.host);
                Standing::Running(device, seconds as f64)
            }
            Holder::Unknown(error) => Standing::Unknown(error.to_string()),
        },
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;
    use crate::drive::slurm::{State as Job, Submitted};

    #[test]
    fn what_slurm_knows_is_added_to_what_the_files_tell() {
        let running = || Standing::Running("cuda of n1".to_owned(), 60.0);
        let by_slurm = || Standing::Running("a node of Slurm's".to_owned(), 0.0);
        let queued = || Standing::Queued("Priority".to_owned());
        let failed = |why: &str| Standing::Failed(why.to_owned());
        let waiting = || Job::Waiting("Priority".to_owned());
        let timeout = || Job::Failed("timeout".to_owned());
        let told = "timeout, says Slurm: out/slurm/guided.3-1.out";
        let cases = [
            // Submitted again, or preempted: it is queued, whatever it was before.
            (Standing::Done, waiting(), queued()),
            (failed("why"), waiting(), queued()),
            (Standing::Stopped, waiting(), queued()),
            // Its lock is not seen on this machine, but Slurm knows that it runs.
            (Standing::Stopped, Job::Running, by_slurm()),
            (running(), Job::Running, running()),
            (Standing::Done, Job::Running, Standing::Done),
            // The files say why a step failed. Of a job that was killed or never began, only Slurm knows.
            (failed("why"), timeout(), failed("why")),
            (Standing::Stopped, timeout(), failed(told)),
            (Standing::Waiting, timeout(), failed(told)),
            (Standing::Done, Job::Succeeded, Standing::Done),
            // Cancelled, before it began and after.
            (Standing::Waiting, Job::Stopped, Standing::Waiting),
            (Standing::Stopped, Job::Stopped, Standing::Stopped),
        ];
        for (by_files, state, expected) in cases {
            let job = Submitted {
                key: "guided/2".to_owned(),
                state,
                output: PathBuf::from("out/slurm/guided.3-1.out"),
            };
            let found = with_job(by_files.clone(), &job);
            assert_eq!(found, expected, "{by_files:?} {:?}", job.state);
        }
    }
}
