//! `cargo xtask reproduce`: from a recipe to a report. Prints the plan and has each step done that is
//! not done yet; how, and what is known to be done, is `step`'s affair, in which order and where the
//! `queue`'s.

mod board;
mod needs;
mod outcome;
mod queue;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Context, Result};
use fs_err as fs;

use self::board::Board;
use self::queue::Queue;
use crate::plan::cost::{Device, Rates, Speed};
use crate::plan::{Plan, PlanFile, duration};
use crate::process::{self, BinDir};
use crate::recipe::{self, Experiment};
use crate::signals::Stop;
use crate::step::workshop::{Place, Workshop};
use crate::step::{self, STAGES, record};
use crate::{files, paths, setup, weights};

/// Command line of `reproduce`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// A name from recipes/, or a .toml file
    #[arg(long, default_value = "demo")]
    recipe: String,
    /// The data set's folder; for a recipe of several, the folder that holds theirs (not needed for
    /// the embedded scenes)
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Where everything is written [default: out/<recipe>, in the repository]. Recipes of the same
    /// data may share it, and the runs they have in common
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Folder with <backbone>.safetensors, made with trainer import, for recipes that start from
    /// ImageNet weights
    #[arg(long, value_name = "DIR")]
    weights: Option<PathBuf>,
    /// auto, cpu, cuda or cuda:N; several, as in cuda:0,cuda:1, are worked on side by side
    #[arg(long, default_value = "auto", value_delimiter = ',', value_parser = device)]
    device: Vec<String>,
    /// Steps made at once on each device; on the CPU they share the cores
    #[arg(long, value_name = "N", default_value_t = 1,
          value_parser = clap::value_parser!(u32).range(1..=64))]
    jobs: u32,
    /// Print the plan and stop: nothing is set up, built or written
    #[arg(long)]
    dry_run: bool,
    /// Take the programs in this folder instead of building them
    #[arg(long, value_name = "DIR")]
    programs: Option<PathBuf>,
}

/// The command.
pub(crate) fn run(args: &Args) -> Result<ExitCode> {
    let experiment = recipe::read(&paths::root(), &args.recipe)?;
    // What it would cost can be asked before anything is brought.
    if !args.dry_run || args.data.is_some() {
        needs::check_data(&experiment, args.data.as_deref())?;
    }
    let out = match &args.out {
        Some(out) => std::path::absolute(out)?,
        None => paths::root().join("out").join(&experiment.name),
    };
    if args.dry_run {
        dry_run(args, &experiment, &out)?;
        return Ok(ExitCode::SUCCESS);
    }
    needs::check_weights(&experiment, args.weights.as_deref())?;
    let lock = lock(&out)?;
    let place = args.place(&out, programs(args, &experiment)?)?;
    let mut plan = Plan::new(&experiment);
    step::mark_finished(&Workshop::new(&experiment, place.clone()), &mut plan)?;
    let (rates, speed) = (Rates::read(&out)?, args.speed());
    // Not println!, which panics where the reader is gone.
    let mut stdout = std::io::stdout();
    writeln!(
        stdout,
        "{}\n",
        plan.describe(&experiment, &out, &rates, speed)
    )?;
    PlanFile::new(&experiment.name, &plan, &rates, speed.device).write(&out)?;
    record::clear(&out, plan.steps.iter().map(|step| step.key.as_str()))?;
    let jobs = plan.jobs(&common(&experiment, &place)?, &rates, speed.device);
    let (began, board) = (Instant::now(), Board::new(out.clone(), &plan, speed));
    let queue = Queue {
        jobs: &jobs,
        places: args.places(),
        stop: Stop::listen()?,
        lock: &lock,
        program: place.programs.program("xtask")?,
        board: &board,
    };
    let outcomes = queue.run();
    board.clear();
    let took = duration(began.elapsed().as_secs_f64());
    outcome::conclude(&plan, &jobs, &outcomes, &out, &took)
}

/// Shows the plan; what is done is known where the programs are built.
fn dry_run(args: &Args, experiment: &Experiment, out: &Path) -> Result<()> {
    let programs = match &args.programs {
        Some(folder) => Some(BinDir::of(folder, &STAGES)?),
        None => process::built(&STAGES)?,
    };
    let (is_built, mut plan) = (programs.is_some(), Plan::new(experiment));
    if let Some(programs) = programs {
        let shop = Workshop::new(experiment, args.place(out, programs)?);
        step::mark_finished(&shop, &mut plan)?;
    }
    let text = plan.describe(experiment, out, &Rates::read(out)?, args.speed());
    let mut stdout = std::io::stdout();
    writeln!(stdout, "{text}")?;
    if !is_built {
        let text = "set-up and build come first; what is finished is known after them";
        writeln!(stdout, "{text}")?;
    }
    for name in needs::missing_weights(experiment, args.weights.as_deref()) {
        writeln!(
            stdout,
            "ImageNet weights of {name} are to be brought (--weights)"
        )?;
    }
    Ok(())
}

impl Args {
    fn place(&self, out: &Path, programs: BinDir) -> Result<Place> {
        let absolute = |path: &Option<PathBuf>| path.as_ref().map(std::path::absolute).transpose();
        Ok(Place {
            data: absolute(&self.data)?,
            out: out.to_owned(),
            weights: absolute(&self.weights)?,
            programs,
        })
    }

    /// The device of each place to work.
    fn places(&self) -> Vec<String> {
        let devices = self.device.iter().cycle().cloned();
        devices
            .take(self.device.len() * self.jobs as usize)
            .collect()
    }

    fn speed(&self) -> Speed {
        let device = self
            .device
            .first()
            .map_or(Device::Cpu, |name| Device::of(name));
        Speed {
            device,
            // The jobs of a CPU share it.
            n_devices: match device {
                Device::Cpu => 1,
                Device::Cuda => self.device.len(),
            },
        }
    }
}

/// The programs, built or given; the weights that are published are brought as well.
fn programs(args: &Args, experiment: &Experiment) -> Result<BinDir> {
    let names = [&STAGES[..], &["xtask"]].concat();
    let programs = match &args.programs {
        Some(folder) => BinDir::of(folder, &names)?,
        None => {
            setup::ensure()?;
            process::cargo_build(&names)?
        }
    };
    for name in experiment.weights() {
        if weights::find(name, args.weights.as_deref()).is_none() {
            weights::ensure(name)?;
        }
    }
    Ok(programs)
}

/// As the trainer reads it, but refused before everything is built.
pub(crate) fn device(text: &str) -> Result<String, String> {
    let number = text.strip_prefix("cuda:");
    match ["auto", "cpu", "cuda"].contains(&text) || number.is_some_and(|n| n.parse::<u8>().is_ok())
    {
        true => Ok(text.to_owned()),
        false => Err("expected auto, cpu, cuda or cuda:N".to_owned()),
    }
}

/// Makes the folder and takes it for this program alone. What it starts holds the lock too: one that
/// outlives this program is waited for, not met at work.
fn lock(out: &Path) -> Result<fs::File> {
    let made = fs::create_dir_all(out).and_then(|()| fs::File::create(out.join(".lock")));
    let lock =
        made.with_context(|| format!("--out: {}: expected a folder to write in", out.display()))?;
    if lock.file().try_lock().is_err() {
        eprintln!(
            "another reproduction is at work in {}: waiting for it",
            paths::shown(out)
        );
        lock.file().lock()?;
    }
    Ok(lock)
}

/// The arguments that the jobs share. The recipe they read is a copy: theirs stays as it is while
/// somebody edits it.
fn common(experiment: &Experiment, place: &Place) -> Result<Vec<String>> {
    let folder = place.out.join("recipe");
    let mut copies = Vec::new();
    for file in &experiment.files {
        let copy = folder.join(file.file_name().context("a recipe has a file name")?);
        files::write(&copy, &fs::read_to_string(file)?)?;
        copies.push(copy);
    }
    let recipe = copies.first().context("a recipe has a file")?;
    let mut arguments = vec!["--recipe".to_owned(), text(recipe)?];
    let programs = place.programs.folder().to_owned();
    for (flag, folder) in [
        ("--data", place.data.as_ref()),
        ("--out", Some(&place.out)),
        ("--weights", place.weights.as_ref()),
        ("--programs", Some(&programs)),
    ] {
        if let Some(folder) = folder {
            arguments.extend([flag.to_owned(), text(folder)?]);
        }
    }
    Ok(arguments)
}

fn text(path: &Path) -> Result<String> {
    let text = path.to_str().map(str::to_owned);
    text.with_context(|| format!("{}: expected a path in UTF-8", path.display()))
}
