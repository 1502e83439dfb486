//! `cargo xtask status`: prints how far a reproduction is. It reads the files in the out folder and, where
//! the reproduction was submitted to a cluster, asks Slurm's queue. It writes nothing, and may be called from
//! any machine at any time.

use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Result, bail};

use crate::drive::plan::{PlanFile, StepLine, counted, duration};
use crate::drive::slurm;
use crate::drive::step::record::{self, Record, State};
use crate::install::pip;
use crate::system::lock::Holder;
use crate::system::paths;

/// Command line of `status`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The recipe of a reproduction in out/<recipe>
    #[arg(long, default_value = "demo", conflicts_with = "out")]
    recipe: String,
    /// The folder it writes into
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Also those that are done or wait
    #[arg(long)]
    all: bool,
    /// Take the steps out of Slurm's queue, and end those at work, which save what they can
    #[arg(long)]
    cancel: bool,
}

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
    /// It runs or was killed, and its lock cannot be asked which; the text is the reason for that.
    Unknown(String),
    /// Not begun.
    Waiting,
    /// Waiting in Slurm's queue; the text is the reason in Slurm's words.
    Queued(String),
}

/// Runs `cargo xtask status`.
pub(crate) fn run(args: &Args) -> Result<()> {
    let out = match &args.out {
        Some(out) => out.clone(),
        None => paths::root().join("out").join(&args.recipe),
    };
    if !out.join("plan.toml").is_file() {
        bail!(
            "status: found no plan.toml in {}, expected the folder of a reproduction",
            paths::shown(&out)
        );
    }
    let plan = PlanFile::read(&out).map_err(|error| {
        let text = "the same cargo xtask reproduce as before writes it anew; nothing is made again";
        pip::hint(error, text)
    })?;
    let queue = slurm::Queue::of(&out)?;
    // Not println!, which panics where the reader is gone.
    let mut stdout = std::io::stdout();
    if args.cancel {
        let n_cancelled = counted(queue.cancel()?, "step");
        writeln!(stdout, "{n_cancelled} cancelled\n")?;
    }
    // On a machine without Slurm the files still tell most of it.
    let slurm = queue.status().unwrap_or_else(|error| {
        eprintln!("without what Slurm knows: {error:#}");
        slurm::Status::default()
    });
    let standings = standings(&out, &plan, &slurm);
    let text = describe(&out, &plan, &standings, args.all);
    write!(stdout, "{text}")?;
    if slurm.is_active() {
        writeln!(stdout, "\nin Slurm's queue:\n{}", slurm.counts())?;
    }
    Ok(())
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

/// Combines what a step's files and what Slurm say. The files know best, except whether it was
/// submitted again and how it was killed; and a lock may not be visible on another machine.
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

/// The state of `step` by its files. A file that cannot be read gives a warning, and not the state of a
/// step without files.
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

/// The text for people: a line for each step, then a summary. Steps that are done or wait have a line
/// only with `all`.
fn describe(out: &Path, plan: &PlanFile, standings: &[Standing], all: bool) -> String {
    let width = plan.step.iter().map(|step| step.title.chars().count());
    let width = width.max().unwrap_or(0);
    let keys = plan.step.iter().map(|step| step.key.len());
    let keys = keys.max().unwrap_or(0);
    let mut text = String::new();
    for (step, standing) in plan.step.iter().zip(standings) {
        let (key, title) = (&step.key, &step.title);
        let state = match standing {
            Standing::Done if all => "done".to_owned(),
            Standing::Waiting if all => "to do".to_owned(),
            Standing::Queued(reason) if all => format!("in Slurm's queue ({reason})"),
            Standing::Done | Standing::Waiting | Standing::Queued(_) => continue,
            Standing::Running(device, seconds) => {
                let (so_far, expected) = (duration(*seconds), duration(60.0 * step.minutes));
                format!("running for {so_far} of about {expected} on {device}")
            }
            Standing::Failed(error) => {
                let log = paths::shown(&record::log_file(out, &step.key));
                format!("FAILED: {error} (log: {log})")
            }
            Standing::Stopped => "stopped".to_owned(),
            Standing::Unknown(why) => {
                format!("running or broken off, its lock does not tell: {why}")
            }
        };
        text += &format!("{key:<keys$}  {title:<width$}  {state}\n");
    }
    if !text.is_empty() {
        text.push('\n');
    }
    let count = |is_of: fn(&Standing) -> bool| standings.iter().filter(|s| is_of(s)).count();
    let left = plan.step.iter().zip(standings);
    let left = left.filter(|(_, standing)| !matches!(standing, Standing::Done));
    let minutes: f64 = left.map(|(step, _)| step.minutes).sum();
    text += &format!(
        "{}: {} of {} steps done, {} running, {} failed, {} stopped, {} to do",
        plan.recipe,
        count(|standing| *standing == Standing::Done),
        standings.len(),
        count(|standing| matches!(standing, Standing::Running(..))),
        count(|standing| matches!(standing, Standing::Failed(_))),
        count(|standing| *standing == Standing::Stopped),
        count(|standing| matches!(standing, Standing::Waiting | Standing::Queued(_)))
    );
    match count(|standing| matches!(standing, Standing::Unknown(_))) {
        0 => {}
        n => text += &format!(", {n} not known"),
    }
    if minutes > 0.0 {
        text += &format!("; about {} of work left", duration(60.0 * minutes));
    }
    text.push('\n');
    text
}

#[cfg(test)]
mod tests {
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
