//! Prints the end of a reproduction: which jobs (each does one step of the plan) failed and where their logs are,
//! which were left out because they need a failed one, and the report to open.

use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Result, bail};

use crate::drive::plan::{Job, Plan, counted};
use crate::drive::step::record;
use crate::system::paths;
use crate::system::signals::STOPPED;

/// The outcome of a job.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Outcome {
    /// Not begun, because the program was stopped before.
    Waiting,
    Running,
    Finished,
    /// The text is the last error in its log.
    Failed(String),
    /// Not begun, because it needs a job that did not finish.
    LeftOut,
    /// Ended by a signal after it saved its work; it resumes when it is started again.
    Stopped,
}

/// Prints how the reproduction ended and returns the exit code. `outcomes` are those of `jobs`, in the same order;
/// the last job is the report. `took` is the time for people.
///
/// # Errors
/// Where a job failed and none was stopped.
pub(super) fn conclude(
    plan: &Plan,
    jobs: &[Job],
    outcomes: &[Outcome],
    out: &Path,
    took: &str,
) -> Result<ExitCode> {
    let mut stdout = std::io::stdout();
    let (mut failed, mut left_out, mut is_stopped) = (0, Vec::new(), false);
    let mut failures = String::new();
    for (job, outcome) in jobs.iter().zip(outcomes) {
        match outcome {
            Outcome::Failed(error) => {
                failed += 1;
                let log = record::log_file(out, &job.key);
                let title = plan.step(&job.key)?.title();
                let (key, log) = (&job.key, paths::shown(&log));
                failures += &format!("  {key}  {title}\n    {error}\n    log: {log}\n");
            }
            Outcome::LeftOut => left_out.push(job.key.as_str()),
            Outcome::Stopped | Outcome::Waiting | Outcome::Running => is_stopped = true,
            Outcome::Finished => {}
        }
    }
    if failed > 0 {
        eprintln!(
            "{} of {} failed:\n{failures}",
            counted(failed, "step"),
            plan.steps.len()
        );
    }
    if !left_out.is_empty() {
        eprintln!(
            "left out, as they need what did not end: {}",
            left_out.join(", ")
        );
    }
    if is_stopped {
        eprintln!("stopped after {took}; the same command goes on from there");
        return Ok(ExitCode::from(STOPPED));
    }
    let report = out.join("results/report.html");
    if failed == 0 {
        writeln!(stdout, "done in {took}\nopen {}", paths::shown(&report))?;
        return Ok(ExitCode::SUCCESS);
    }
    if outcomes.last() == Some(&Outcome::Finished) {
        eprintln!("the report is of what there is: {}", paths::shown(&report));
    }
    bail!(
        "{} failed\nhint: what is finished is kept; the same command goes on from there",
        counted(failed, "step")
    )
}
