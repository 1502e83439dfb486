//! Parses the arguments of `cargo xtask step`, runs the step, and writes the step's record: its state, its
//! duration, and why it failed.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context, Result, anyhow};

use super::record::{self, Log, Record, State};
use super::workshop::{Folders, STAGES, Workshop};
use crate::drive::device::{self, Device};
use crate::drive::plan::cost::Rates;
use crate::drive::plan::{Plan, StepKind};
use crate::drive::recipe;
use crate::system::process::BinDir;
use crate::system::signals::{STOPPED, Stop, Stopped};
use crate::system::{paths, threads};

/// Command line of `step`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// A name from recipes/, or a .toml file
    #[arg(long)]
    recipe: String,
    /// The data set's folder
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Where everything is written
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Folder with <backbone>.safetensors
    #[arg(long, value_name = "DIR")]
    weights: Option<PathBuf>,
    /// Folder with the stages' programs [default: this program's]
    #[arg(long, value_name = "DIR")]
    programs: Option<PathBuf>,
    /// auto, cpu, cuda or cuda:N
    #[arg(long, default_value = "auto", value_parser = device::named)]
    device: String,
    /// It is a job that comes back by itself when its time was too short
    #[arg(long)]
    comes_back: bool,
    /// Which step
    key: String,
}

/// Once the time limit has ended a cluster's score job this many times in a row before it made one evaluation, the
/// job fails instead of being requeued again. The number is chosen.
const MOST_FRUITLESS: u32 = 2;

/// Runs `cargo xtask step`. The exit code is 75 where a signal stopped it; the same command then resumes.
pub(crate) fn run(args: &Args) -> Result<ExitCode> {
    let experiment = recipe::read(&paths::root(), &args.recipe, None)?;
    let plan = Plan::new(&experiment);
    let step = plan.step(&args.key)?;
    let programs = match &args.programs {
        Some(folder) => folder.clone(),
        None => {
            let here = std::env::current_exe()?;
            here.parent().map(PathBuf::from).context("no folder")?
        }
    };
    let folders = Folders {
        data: args.data.clone(),
        out: std::path::absolute(&args.out)?,
        weights: args.weights.clone(),
        programs: BinDir::of(&programs, &STAGES)?,
    };
    let out = folders.out.clone();
    let stop = Stop::listen()?;
    let lock = record::lock(&out, &step.key)?;
    let log = Arc::new(Log::open(&out, &step.key, &step.title())?);
    let mut record = Record::begin(&args.device);
    record.fruitless = match Record::read(&out, &step.key) {
        Ok(Some(before)) if before.state == State::Stopped => before.fruitless,
        _ => 0,
    };
    record.write(&out, &step.key)?;
    let shop = Workshop::new(&experiment, folders);
    let shop = shop.at_work(&args.device, stop.clone(), Arc::clone(&log), lock);
    let began = Instant::now();
    let done = shop.perform(step);
    record.seconds = began.elapsed().as_secs_f64();
    let is_asked = |error: &anyhow::Error| stop.is_asked() || error.is::<Stopped>();
    let is_stopped = done.as_ref().is_err_and(is_asked);
    // A training saves its state, so it makes progress however short its time is. A score makes progress
    // only by whole evaluations.
    let is_score = matches!(step.kind, StepKind::Score(_));
    let is_fruitless = is_stopped && is_score && stop.is_out_of_time() && !shop.has_scored();
    record.fruitless = match is_fruitless {
        true => record.fruitless + 1,
        false => 0,
    };
    let is_given_up = args.comes_back && record.fruitless >= MOST_FRUITLESS;
    let code = match done {
        Ok(work) => {
            record.state = State::Finished;
            let device = Device::of(&args.device);
            let seconds = record.seconds * share(device);
            // The step is done, even if its rate cannot be recorded.
            if let Err(error) = Rates::record(&out, &work, device, seconds) {
                log.say(&format!(
                    "warning: {error:#}: how long it took is not noted"
                ));
            }
            ExitCode::SUCCESS
        }
        Err(_) if is_stopped && !is_given_up => {
            record.state = State::Stopped;
            log.say(&format!("{}: stopped", step.title()));
            ExitCode::from(STOPPED)
        }
        Err(error) => {
            let error = match is_given_up {
                true => anyhow!(
                    "scoring {}: found no evaluation made in the time of a job, {} times in a row, \
                     expected one at least: ask for more (--time)",
                    step.name,
                    record.fruitless
                ),
                false => error,
            };
            record.state = State::Failed;
            record.error = Some(format!("{error:#}"));
            log.say(&format!("error: {error:#}"));
            ExitCode::FAILURE
        }
    };
    if let Err(error) = record.write(&out, &step.key) {
        log.say(&format!(
            "warning: {error:#}: status will not know how it ended"
        ));
    }
    Ok(code)
}

/// The share of the device that this step had, 0 to 1. On the CPU it is the share of the cores that the queue gave
/// it: the step's time, multiplied by it, is about what all cores would take. On a GPU it is 1.
fn share(device: Device) -> f64 {
    match (device, threads::of_libtorch()) {
        (Device::Cpu, Some(n_threads)) => (n_threads as f64 / threads::cores() as f64).min(1.0),
        _ => 1.0,
    }
}
