//! Parses the arguments of `cargo xtask reproduce`, prepares everything that the steps need (data, networks and
//! weights checked, programs built, networks imported, the plan made and written), has the plan run, and prints
//! the end.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Context, Result};
use fs_err as fs;

use super::board::Board;
use super::cluster::Cluster;
use super::pace::Paces;
use super::queue::Queue;
use super::{needs, outcome, own};
use crate::drive::device::{self, Device};
use crate::drive::networks;
use crate::drive::plan::cost::{Rates, Speed};
use crate::drive::plan::{Plan, PlanFile, Step, duration};
use crate::drive::recipe::{self, Experiment};
use crate::drive::slurm;
use crate::drive::step::workshop::{self, Folders, STAGES, Workshop};
use crate::drive::step::{self, record};
use crate::drive::vocabulary::Vocabulary;
use crate::install::weights;
use crate::system::process::{self, BinDir};
use crate::system::signals::Stop;
use crate::system::{files, lock, paths};

/// Command line of `reproduce`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// A name from recipes/, or a .toml file [default: demo, with --data own]
    #[arg(long)]
    recipe: Option<String>,
    /// The data set's folder, your own as well (README, Your data); for a recipe of several, the folder
    /// that holds theirs (not needed for the embedded scenes)
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Where everything is written [default: out/<recipe>, or without --recipe out/<name of the --data
    /// folder>, in the repository]. Recipes of the same data may share it, and the runs they have in common
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Folder with <backbone>.safetensors, made with trainer import, for recipes that start from
    /// ImageNet weights
    #[arg(long, value_name = "DIR")]
    weights: Option<PathBuf>,
    /// auto, cpu, cuda or cuda:N; several, as in cuda:0,cuda:1, are worked on side by side
    #[arg(long, default_value = "auto", value_delimiter = ',', value_parser = device::named)]
    device: Vec<String>,
    /// Steps made at once on each device [default: 1]; on the CPU they share the cores. On a cluster
    /// the tasks of an array that run at once [default: all]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=64))]
    jobs: Option<u32>,
    /// Print the plan and stop: nothing is set up, built or written
    #[arg(long)]
    dry_run: bool,
    /// Take the programs in this folder instead of building them
    #[arg(long, value_name = "DIR")]
    programs: Option<PathBuf>,
    /// Who works on the plan: this machine, or a cluster (docs/slurm.md)
    #[arg(long, value_enum, default_value_t = Executor::Local)]
    executor: Executor,
    #[command(flatten)]
    slurm: slurm::Flags,
}

/// Who works on a plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Executor {
    /// Processes of this machine
    Local,
    /// Jobs of a cluster
    Slurm,
}

/// Runs `cargo xtask reproduce`.
pub(crate) fn run(args: &Args) -> Result<ExitCode> {
    let experiment = recipe::read(&paths::root(), args.recipe(), None)?;
    // A dry run needs no data, so the cost can be asked before the data is downloaded.
    if !args.dry_run || args.data.is_some() {
        needs::check_data(&experiment, args.data.as_deref())?;
    }
    needs::check_networks(&experiment)?;
    let out = match &args.out {
        Some(out) => std::path::absolute(out)?,
        None => paths::root()
            .join("out")
            .join(args.folder_name(&experiment)),
    };
    if args.dry_run {
        dry_run(args, experiment, &out)?;
        return Ok(ExitCode::SUCCESS);
    }
    needs::check_weights(&experiment, args.weights.as_deref())?;
    needs::check_out(&out)?;
    let slurm = slurm::Queue::of(&out)?;
    if args.executor == Executor::Slurm {
        slurm.require_slurm()?;
    }
    let programs = workshop::programs(args.programs.as_deref())?;
    let (experiment, decided, paces) = args.checked(experiment, &out, &programs)?;
    download_weights(args, &experiment, &programs)?;
    let lock = lock(&out)?;
    paces.write(&out)?;
    let copies = copies(&experiment, &out)?;
    let to_import = networks::to_import(&experiment.networks, &out)?;
    // Whether a submission of the same plan to a cluster is continued, so that jobs in Slurm's queue are kept.
    let goes_on = args.executor == Executor::Slurm
        && to_import.is_empty()
        && is_planned(&experiment, &out, &copies);
    if !goes_on {
        slurm.require_idle()?;
    }
    for import in &to_import {
        import.make(&programs, &lock)?;
    }
    let folders = args.folders(&out, programs)?;
    let mut plan = Plan::new(&experiment);
    step::mark_finished(&Workshop::new(&experiment, folders.clone()), &mut plan)?;
    let rates = Rates::read_or_warn(&out).with_paces(paces.rates());
    let speed = args.speed(&experiment);
    // Not println!, which panics where the reader is gone.
    let mut stdout = std::io::stdout();
    writeln!(
        stdout,
        "{}\n",
        plan.describe(&experiment, &out, &rates, speed)
    )?;
    for line in &decided {
        writeln!(stdout, "{line}")?;
    }
    let plan_file = PlanFile::new(&experiment.name, &plan, &rates, speed.device);
    plan_file.write(&out)?;
    if !goes_on {
        // What `status` knew of an earlier plan's steps: a key may now stand for another step. Results stay.
        record::clear(&out, plan.steps.iter().map(|step| step.key.as_str()))?;
    }
    let common = common(&copies, &folders)?;
    let program = folders.programs.program("xtask")?;
    if args.executor == Executor::Slurm {
        let device = args.device.first().map_or("auto", String::as_str);
        // A cluster's job is queued again when its time limit has ended it (--comes-back).
        let of_cluster = ["--comes-back", "--device", device].map(str::to_owned);
        let common = [&common[..], &of_cluster].concat();
        let jobs = |wanted: fn(&Step) -> bool| plan.jobs(wanted, &common, &rates, speed.device);
        let cluster = Cluster {
            queue: slurm,
            request: args.slurm.over(&experiment.slurm),
            program,
            plan: &plan,
            plan_file,
            out: &out,
        };
        // Finished data is run as well: data-prep then checks that the folder is what the recipe asks for.
        let to_do = jobs(|step| !step.is_done);
        cluster.submit(&jobs(Step::is_to_check), &to_do, args.jobs)?;
        drop(lock);
        return match args.slurm.wait {
            true => cluster.wait(&to_do),
            false => Ok(ExitCode::SUCCESS),
        };
    }
    let wanted = |step: &Step| !step.is_done || step.is_to_check();
    let jobs = plan.jobs(wanted, &common, &rates, speed.device);
    let board = Board::new(out.clone(), &plan, speed, paces.rates());
    let began = Instant::now();
    let queue = Queue {
        jobs: &jobs,
        workers: args.workers(),
        stop: Stop::listen()?,
        lock: &lock,
        program,
        board: &board,
    };
    let outcomes = queue.run();
    board.clear();
    let took = duration(began.elapsed().as_secs_f64());
    outcome::conclude(&plan, &jobs, &outcomes, &out, &took)
}

/// Prints the plan and does nothing else. Which steps are done can only be told if the programs are built.
fn dry_run(args: &Args, experiment: Experiment, out: &Path) -> Result<()> {
    let programs = match &args.programs {
        Some(folder) => Some(BinDir::of(folder, &STAGES)?),
        None => process::built(&STAGES)?,
    };
    let (experiment, decided, paces) = &match &programs {
        Some(programs) => args.checked(experiment, out, programs)?,
        None => (experiment, Vec::new(), Paces::default()),
    };
    let (is_built, mut plan) = (programs.is_some(), Plan::new(experiment));
    if let Some(programs) = programs {
        let shop = Workshop::new(experiment, args.folders(out, programs)?);
        step::mark_finished(&shop, &mut plan)?;
    }
    let rates = Rates::read_or_warn(out).with_paces(paces.rates());
    let text = plan.describe(experiment, out, &rates, args.speed(experiment));
    let mut stdout = std::io::stdout();
    writeln!(stdout, "{text}")?;
    for line in decided {
        writeln!(stdout, "{line}")?;
    }
    if !is_built {
        let text = "the programs are not built yet: names in the recipe (networks, losses, …) are unchecked, and which steps are finished and how many images own data has is not known";
        writeln!(stdout, "{text}")?;
    }
    for name in needs::missing_weights(experiment, args.weights.as_deref()) {
        writeln!(
            stdout,
            "ImageNet weights of {name} cannot be downloaded: name the folder that has them (--weights DIR)"
        )?;
    }
    for import in networks::to_import(&experiment.networks, out)? {
        writeln!(stdout, "{}", import.announcement())?;
    }
    Ok(())
}

impl Args {
    /// The recipe's name or file.
    fn recipe(&self) -> &str {
        let default = if self.data.is_some() { "own" } else { "demo" };
        self.recipe.as_deref().unwrap_or(default)
    }

    /// The name of the folder in `out/`: the recipe's; without one, own data's.
    fn folder_name(&self, experiment: &Experiment) -> String {
        let folder = self.data.as_deref().filter(|_| self.recipe.is_none());
        let folder = folder.and_then(|folder| std::path::absolute(folder).ok());
        let name = folder.as_deref().and_then(Path::file_name);
        name.map_or_else(
            || experiment.name.clone(),
            |name| name.to_string_lossy().into_owned(),
        )
    }

    /// The recipe, completed for own data and with absolute paths of networks, whose names are checked against
    /// those that `programs` know; what was decided for own data, a line each; and what was measured for that, to
    /// be kept in the folder `out`.
    fn checked(
        &self,
        experiment: Experiment,
        out: &Path,
        programs: &BinDir,
    ) -> Result<(Experiment, Vec<String>, Paces)> {
        let mut vocabulary = Vocabulary::ask(programs)?;
        networks::describe(&experiment.networks, programs, &mut vocabulary)?;
        let speed = self.speed(&experiment);
        let is_here = self.executor == Executor::Local && speed.device == Device::Cpu;
        let paces = match experiment.fit.is_some() && self.data.is_some() && is_here {
            true => Paces::of(&experiment, out, programs)?,
            false => Paces::default(),
        };
        let (data, rates) = (self.data.as_deref(), paces.rates());
        let (files, decided) = own::complete(&experiment, data, programs, speed, &rates)?;
        let files = files.iter().map(recipe::with_located_networks);
        let files = files.collect::<Result<Vec<_>>>()?;
        Ok((recipe::expand(files, Some(&vocabulary))?, decided, paces))
    }

    /// The folders that steps work with, as absolute paths.
    fn folders(&self, out: &Path, programs: BinDir) -> Result<Folders> {
        let absolute = |path: &Option<PathBuf>| path.as_ref().map(std::path::absolute).transpose();
        Ok(Folders {
            data: absolute(&self.data)?,
            out: out.to_owned(),
            weights: absolute(&self.weights)?,
            programs,
        })
    }

    /// The device of each worker: every device as often as `--jobs` says.
    fn workers(&self) -> Vec<String> {
        let devices = self.device.iter().cycle().cloned();
        devices
            .take(self.device.len() * self.jobs.unwrap_or(1) as usize)
            .collect()
    }

    /// The devices that work on the plan, for its expected time.
    fn speed(&self, experiment: &Experiment) -> Speed {
        if self.executor == Executor::Slurm {
            return Speed {
                device: match self.slurm.over(&experiment.slurm).gpus {
                    0 => Device::Cpu,
                    _ => Device::Cuda,
                },
                n_devices: 1,
            };
        }
        let device = self
            .device
            .first()
            .map_or(Device::Cpu, |name| Device::of(name));
        Speed {
            device,
            // Jobs on the CPU share its cores, so they are no faster side by side.
            n_devices: match device {
                Device::Cpu => 1,
                Device::Cuda => self.device.len(),
            },
        }
    }
}

/// Downloads the published weights that are missing.
fn download_weights(args: &Args, experiment: &Experiment, programs: &BinDir) -> Result<()> {
    for name in experiment.weights() {
        if weights::find(name, args.weights.as_deref()).is_none() {
            weights::ensure(name, programs)?;
        }
    }
    Ok(())
}

/// Makes the out folder and locks it. Programs that this one starts inherit the lock, so that the next
/// `reproduce` also waits for those that outlive this one.
fn lock(out: &Path) -> Result<fs::File> {
    let made = files::make_folder(out)
        .and_then(|()| Ok(fs::File::create(record::reproduction_lock(out))?));
    let lock =
        made.with_context(|| format!("--out: {}: expected a folder to write in", out.display()))?;
    let shown = paths::shown(out);
    let meanwhile = format!("another reproduction is at work in {shown}: waiting for it");
    lock::take(&lock, &meanwhile)?;
    Ok(lock)
}

/// The copies of the recipe's files, as (path in `out`, content): the recipe first, then, of a collection, those
/// that it includes. Jobs read the copies, which do not change when somebody edits the recipe.
fn copies(experiment: &Experiment, out: &Path) -> Result<Vec<(PathBuf, String)>> {
    let copy = |file: &recipe::File| {
        let name = file.path.file_name().context("a recipe has a file name")?;
        Ok((out.join("recipe").join(name), file.text.clone()))
    };
    experiment.files.iter().map(copy).collect()
}

/// Whether the plan in `out` was made of the recipe as it is now, so that the keys in it still stand for the
/// same steps.
fn is_planned(experiment: &Experiment, out: &Path, copies: &[(PathBuf, String)]) -> bool {
    let is_there = |(file, text): &(PathBuf, String)| {
        fs::read_to_string(file).is_ok_and(|found| found == *text)
    };
    copies.iter().all(is_there)
        && PlanFile::read(out).is_ok_and(|plan| plan.recipe == experiment.name)
}

/// Writes the copies of the recipe, and returns the arguments that all jobs share.
fn common(copies: &[(PathBuf, String)], folders: &Folders) -> Result<Vec<String>> {
    for (file, text) in copies {
        files::write(file, text)?;
    }
    let (recipe, _) = copies.first().context("a recipe has a file")?;
    let mut arguments = vec!["--recipe".to_owned(), text(recipe)?];
    let programs = folders.programs.folder().to_owned();
    for (flag, folder) in [
        ("--data", folders.data.as_ref()),
        ("--out", Some(&folders.out)),
        ("--weights", folders.weights.as_ref()),
        ("--programs", Some(&programs)),
    ] {
        if let Some(folder) = folder {
            arguments.extend([flag.to_owned(), text(folder)?]);
        }
    }
    Ok(arguments)
}

/// The path as text, which an argument in a job's script must be.
fn text(path: &Path) -> Result<String> {
    let text = path.to_str().map(str::to_owned);
    text.with_context(|| format!("{}: expected a path in UTF-8", path.display()))
}
