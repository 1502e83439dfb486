//! `cargo xtask reproduce`: from a recipe to a report. Prints the plan and has each step done that is
//! not done yet; how, and what is known to be done, is `step`'s affair, in which order and where the
//! `queue`'s.

mod board;
mod queue;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Context, Result, bail};
use fs_err as fs;

use self::board::Board;
use self::queue::{Outcome, Queue};
use crate::plan::cost::{Device, Rates};
use crate::plan::{Job, Plan, PlanFile, counted, duration};
use crate::process::{self, BinDir};
use crate::recipe::{self, DataSet, Experiment};
use crate::signals::{STOPPED, Stop};
use crate::step::workshop::{Place, Workshop, source};
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
    check_data(&experiment, args.data.as_deref())?;
    let out = match &args.out {
        Some(out) => out.clone(),
        None => paths::root().join("out").join(&experiment.name),
    };
    let out = std::path::absolute(out)?;
    let device = Device::of(&args.device[0]);
    let n_places = args.device.len() * args.jobs as usize;
    // The jobs of a CPU share it.
    let n_devices = match device {
        Device::Cpu => 1,
        Device::Cuda => args.device.len(),
    };
    let place = |programs| -> Result<Place> {
        let absolute = |path: &Option<PathBuf>| path.as_ref().map(std::path::absolute).transpose();
        Ok(Place {
            data: absolute(&args.data)?,
            out: out.clone(),
            weights: absolute(&args.weights)?,
            programs,
        })
    };
    let mut plan = Plan::new(&experiment);
    // Not println!, which panics where the reader is gone.
    let mut stdout = std::io::stdout();
    if args.dry_run {
        let programs = match &args.programs {
            Some(folder) => Some(BinDir::of(folder, &STAGES)?),
            None => process::built(&STAGES)?,
        };
        let is_built = programs.is_some();
        if let Some(programs) = programs {
            let shop = Workshop::new(&experiment, place(programs)?);
            step::mark_finished(&shop, &mut plan)?;
        }
        let rates = Rates::read(&out)?;
        let text = plan.describe(&experiment, &out, (&rates, device, n_devices));
        writeln!(stdout, "{text}")?;
        if !is_built {
            let text = "set-up and build come first; what is finished is known after them";
            writeln!(stdout, "{text}")?;
        }
        for name in missing(&experiment, args.weights.as_deref()) {
            writeln!(stdout, "ImageNet weights of {name} are to be brought")?;
        }
        return Ok(ExitCode::SUCCESS);
    }
    refuse_missing(&experiment, args.weights.as_deref())?;
    let lock = lock(&out)?;
    let programs = match &args.programs {
        Some(folder) => BinDir::of(folder, &[&STAGES[..], &["xtask"]].concat())?,
        None => {
            setup::ensure()?;
            let programs = process::cargo_build(&[&STAGES[..], &["xtask"]].concat())?;
            for name in experiment.weights() {
                if weights::find(name, args.weights.as_deref()).is_none() {
                    weights::ensure(name)?;
                }
            }
            programs
        }
    };
    let place = place(programs)?;
    step::mark_finished(&Workshop::new(&experiment, place.clone()), &mut plan)?;
    let rates = Rates::read(&out)?;
    let text = plan.describe(&experiment, &out, (&rates, device, n_devices));
    writeln!(stdout, "{text}\n")?;
    PlanFile::new(&experiment.name, &plan, &rates, device).write(&out)?;
    record::clear(&out, plan.steps.iter().map(|step| step.key.as_str()))?;
    let jobs = plan.jobs(&common(&experiment, &place)?, &rates, device);
    let began = Instant::now();
    let board = Board::new(out.clone(), &plan, device, n_devices);
    let queue = Queue {
        jobs: &jobs,
        places: (0..n_places)
            .map(|number| args.device[number % args.device.len()].clone())
            .collect(),
        stop: Stop::listen()?,
        lock: &lock,
        program: place.programs.program("xtask")?,
        board: &board,
    };
    let outcomes = queue.run();
    board.clear();
    let took = duration(began.elapsed().as_secs_f64());
    conclude(&plan, &jobs, &outcomes, &out, &took)
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

/// Refuses a folder of data that is missing, or is not asked for.
fn check_data(experiment: &Experiment, given: Option<&Path>) -> Result<()> {
    let needing = || {
        experiment
            .data
            .iter()
            .filter(|data| data.dataset != DataSet::Scenes)
    };
    if let (0, Some(dir)) = (needing().count(), given) {
        bail!(
            "--data: found {}, expected none: the recipe's scenes are embedded",
            dir.display()
        );
    }
    for data in needing() {
        let (name, several) = (data.dataset.name(), needing().count() > 1);
        let Some(folder) = source(experiment, data, given) else {
            bail!(
                "--data: found nothing, expected the folder of {name}\nhint: {}",
                match (several, data.dataset) {
                    (true, _) =>
                        "the folder that holds VOCdevkit, coco2014, waterbirds-100".to_owned(),
                    (false, DataSet::Waterbirds) =>
                        "the folder that holds waterbird_1.0_forest2water2 and CUB_200_2011"
                            .to_owned(),
                    (false, _) => format!("cargo xtask download {name}"),
                }
            );
        };
        if !folder.is_dir() {
            bail!(
                "--data: found no folder {}, expected the folder of {name}",
                folder.display()
            );
        }
    }
    Ok(())
}

/// The backbones whose ImageNet weights are neither there nor published as a package.
fn missing<'a>(experiment: &'a Experiment, dir: Option<&Path>) -> Vec<&'a str> {
    let mut names = experiment.weights();
    names.retain(|name| weights::find(name, dir).is_none() && !weights::names().contains(name));
    names
}

fn refuse_missing(experiment: &Experiment, dir: Option<&Path>) -> Result<()> {
    let names = missing(experiment, dir);
    let Some(first) = names.first() else {
        return Ok(());
    };
    let files: Vec<String> = names
        .iter()
        .map(|name| format!("{name}.safetensors"))
        .collect();
    bail!(
        "--weights: found {}, expected a folder with {}\nhint: from the file that its authors \
         publish: trainer import FILE --backbone {first} --out DIR/{first}.safetensors",
        dir.map_or("nothing".to_owned(), paths::shown),
        files.join(", ")
    )
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

/// Says how it ended.
fn conclude(
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
            "left out, as they need what failed: {}",
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
