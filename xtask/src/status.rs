//! `cargo xtask status`: how far a reproduction is, from the files in its out folder alone. It can be
//! asked from elsewhere and at any time; nothing is started or written.

use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Result, bail};

use crate::paths;
use crate::plan::{PlanFile, StepLine, duration};
use crate::step::record::{self, Record, State};

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
}

/// What became of a step, as far as files tell.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Standing {
    Done,
    /// On which device and host, for how many seconds.
    Running(String, f64),
    /// Why.
    Failed(String),
    /// It goes on when it is started again.
    Stopped,
    Waiting,
}

/// The command.
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
    let plan = PlanFile::read(&out)?;
    let standings = standings(&out, &plan)?;
    // Not println!, which panics where the reader is gone.
    write!(
        std::io::stdout(),
        "{}",
        describe(&out, &plan, &standings, args.all)
    )?;
    Ok(())
}

/// What became of each step.
pub(crate) fn standings(out: &Path, plan: &PlanFile) -> Result<Vec<Standing>> {
    let steps = plan.step.iter();
    steps.map(|step| standing(out, step)).collect()
}

fn standing(out: &Path, step: &StepLine) -> Result<Standing> {
    let Some(record) = Record::read(out, &step.key)? else {
        return Ok(match step.is_done {
            true => Standing::Done,
            false => Standing::Waiting,
        });
    };
    Ok(match record.state {
        State::Finished => Standing::Done,
        State::Failed => Standing::Failed(record.error.unwrap_or_default()),
        State::Running if record::is_alive(out, &step.key)? => {
            let seconds = record::now().as_secs().saturating_sub(record.began);
            let place = format!("{} of {}", record.device, record.host);
            Standing::Running(place, seconds as f64)
        }
        State::Running | State::Stopped => Standing::Stopped,
    })
}

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
            Standing::Done | Standing::Waiting => continue,
            Standing::Running(place, seconds) => {
                let (so_far, expected) = (duration(*seconds), duration(60.0 * step.minutes));
                format!("running for {so_far} of about {expected} on {place}")
            }
            Standing::Failed(error) => {
                let log = paths::shown(&record::log_file(out, &step.key));
                format!("FAILED: {error} (log: {log})")
            }
            Standing::Stopped => "stopped".to_owned(),
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
        count(|standing| *standing == Standing::Waiting)
    );
    if minutes > 0.0 {
        text += &format!("; about {} of work left", duration(60.0 * minutes));
    }
    text.push('\n');
    text
}
