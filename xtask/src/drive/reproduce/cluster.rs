//! Runs a plan on a cluster with Slurm: checks data that is prepared already on this machine, submits the steps
//! that are not done as jobs, and with `--wait` waits for their end.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

use anyhow::Result;

use super::outcome::{self, Outcome};
use crate::drive::plan::{Job, Plan, PlanFile, counted, duration};
use crate::drive::status::{self, Standing};
use crate::drive::{recipe, slurm};
use crate::system::{paths, process};

/// How often Slurm is asked while this program waits.
const INTERVAL: Duration = Duration::from_secs(10);

/// A plan to be run on a cluster.
pub(super) struct Cluster<'a> {
    pub(super) queue: slurm::Queue,
    /// The options for Slurm, from the command line and the recipe.
    pub(super) request: recipe::Slurm,
    /// The path of this program (xtask), which the jobs start.
    pub(super) program: PathBuf,
    pub(super) plan: &'a Plan,
    /// The plan as it was written into the out folder.
    pub(super) plan_file: PlanFile,
    /// Where everything is written.
    pub(super) out: &'a Path,
}

impl Cluster<'_> {
    /// Runs the `checks` on this machine, which take little time, and submits `jobs`, with at most
    /// `at_once` tasks of an array running at a time.
    pub(super) fn submit(&self, checks: &[Job], jobs: &[Job], at_once: Option<u32>) -> Result<()> {
        for job in checks {
            let mut command = Command::new(&self.program);
            command.arg("step").args(&job.args);
            process::run(&mut command, &format!("checking {}", job.key))?;
        }
        let submission = self
            .queue
            .submit(jobs, &self.program, &self.request, at_once)?;
        let out = paths::shown(self.out);
        let kept = match submission.n_kept {
            0 => String::new(),
            n => format!(" ({n} more were in the queue)"),
        };
        writeln!(
            std::io::stdout(),
            "{} submitted to Slurm{kept}; the last writes {out}/results/report.html\n\
             to see how far they are: cargo xtask status --out {out}\n\
             the same command submits again what failed",
            counted(submission.n_new, "step")
        )?;
        Ok(())
    }

    /// Waits until the last job has ended, and prints the outcome.
    pub(super) fn wait(&self, jobs: &[Job]) -> Result<ExitCode> {
        eprintln!("\nwaiting; Ctrl-C ends that, and no job\n");
        let began = Instant::now();
        let status = self.queue.wait(INTERVAL);
        let standings = status::standings(self.out, &self.plan_file, &status);
        let outcome = |job: &Job| {
            let steps = self.plan.steps.iter().zip(&standings);
            let mut found = steps.filter(|(step, _)| step.key == job.key);
            match found.next().map(|(_, standing)| standing) {
                Some(Standing::Done) => Outcome::Finished,
                Some(Standing::Failed(error)) => Outcome::Failed(error.clone()),
                _ => Outcome::Stopped,
            }
        };
        let outcomes: Vec<Outcome> = jobs.iter().map(outcome).collect();
        let took = duration(began.elapsed().as_secs_f64());
        outcome::conclude(self.plan, jobs, &outcomes, self.out, &took)
    }
}
