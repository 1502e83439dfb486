//! `cargo xtask reproduce`: from a recipe to a report. Plans data → baseline → guided runs → scores →
//! report, prints the plan, and has each step done that is not done yet. How a step is done, and how
//! it is known to be done, is `workshop`'s affair.

#[cfg(test)]
mod tests;
mod workshop;

use std::io::Write;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use fs_err as fs;

use self::workshop::Workshop;
use crate::plan::{Pace, Plan, StepKind};
use crate::recipe::{DataSet, Recipe};
use crate::{paths, pip, process, setup};

/// Command line of `reproduce`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// A name from recipes/, or a .toml file
    #[arg(long, default_value = "demo")]
    recipe: String,
    /// The data set's folder (not needed for the embedded scenes)
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Where everything is written [default: out/<recipe>, in the repository]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// auto, cpu, cuda or cuda:N
    #[arg(long, default_value = "auto", value_parser = device)]
    device: String,
    /// Guided runs, and scores, made at once; they share the cores
    #[arg(long, value_name = "N", default_value_t = 1,
          value_parser = clap::value_parser!(u32).range(1..=64))]
    jobs: u32,
    /// Print the plan and stop: nothing is set up, built or written
    #[arg(long)]
    dry_run: bool,
}

/// The programs a reproduction starts.
const STAGES: [&str; 4] = ["data-prep", "trainer", "evaluator", "analysis"];

/// The command.
pub(crate) fn run(args: &Args) -> Result<()> {
    let recipe = Recipe::read(&paths::root(), &args.recipe)?;
    let source = data_folder(&recipe, args.data.as_deref())?;
    let name = Path::new(&args.recipe).file_stem().map_or_else(
        || args.recipe.clone(),
        |stem| stem.to_string_lossy().into_owned(),
    );
    let out = args
        .out
        .clone()
        .unwrap_or_else(|| paths::root().join("out").join(&name));
    let mut plan = Plan::new(&recipe);
    // Not println!, which panics where the reader is gone.
    let mut stdout = std::io::stdout();
    let shop = |programs| Workshop {
        recipe: recipe.clone(),
        source,
        out: out.clone(),
        device: args.device.clone(),
        n_at_once: 1,
        programs,
        lock: None,
    };
    if args.dry_run {
        let programs = process::built(&STAGES)?;
        let is_built = programs.is_some();
        if let Some(programs) = programs {
            shop(programs).mark_finished(&mut plan)?;
        }
        writeln!(stdout, "{}", plan.describe(&recipe, &name, &out))?;
        if !is_built {
            let text = "set-up and build come first; what is finished is known after them";
            writeln!(stdout, "\n{text}")?;
        }
        return Ok(());
    }
    let lock = lock(&out)?;
    setup::ensure()?;
    let mut shop = shop(process::cargo_build(&STAGES)?);
    shop.lock = Some(lock);
    let runs = shop.mark_finished(&mut plan)?;
    writeln!(stdout, "{}", plan.describe(&recipe, &name, &out))?;
    let began = Instant::now();
    perform(&mut shop, &plan, runs, args.jobs as usize).map_err(|error| {
        pip::hint(
            error,
            "what is finished is kept; the same command goes on from there",
        )
    })?;
    let seconds = began.elapsed().as_secs();
    let took = indicatif::HumanDuration(Duration::from_secs(seconds));
    writeln!(stdout, "\ndone in {took}")?;
    let report = out.join("results/report.html");
    writeln!(stdout, "open {}", paths::shown(&report))?;
    Ok(())
}

/// As the trainer reads it, but refused before everything is built.
fn device(text: &str) -> Result<String, String> {
    let number = text.strip_prefix("cuda:");
    match ["auto", "cpu", "cuda"].contains(&text) || number.is_some_and(|n| n.parse::<u8>().is_ok())
    {
        true => Ok(text.to_owned()),
        false => Err("expected auto, cpu, cuda or cuda:N".to_owned()),
    }
}

/// The source folder, where the recipe needs one.
fn data_folder(recipe: &Recipe, given: Option<&Path>) -> Result<Option<PathBuf>> {
    let dataset = recipe.data.dataset;
    match (dataset, given) {
        (DataSet::Scenes, None) => Ok(None),
        (DataSet::Scenes, Some(dir)) => bail!(
            "--data: found {}, expected none: the recipe's scenes are embedded",
            dir.display()
        ),
        (_, None) => bail!(
            "--data: found nothing, expected the folder of {}\nhint: {}",
            dataset.name(),
            match dataset {
                DataSet::Waterbirds =>
                    "the folder that holds waterbird_1.0_forest2water2 and CUB_200_2011".to_owned(),
                _ => format!("cargo xtask download {}", dataset.name()),
            }
        ),
        (_, Some(dir)) if dir.is_dir() => Ok(Some(dir.to_owned())),
        (_, Some(dir)) => bail!(
            "--data: found no folder {}, expected the folder of {}",
            dir.display(),
            dataset.name()
        ),
    }
}

/// Makes the folder and takes it for this program alone. The stages' programs hold the lock too: one
/// that outlives this program is waited for, not met at work.
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

/// What the workers of a group share.
struct Shared {
    /// The runs' folders, by number.
    runs: Vec<Option<PathBuf>>,
    pace: Pace,
    waiting: Range<usize>,
    /// Of the first step that failed; no other is begun then.
    error: Option<anyhow::Error>,
}

fn perform(
    shop: &mut Workshop,
    plan: &Plan,
    runs: Vec<Option<PathBuf>>,
    n_jobs: usize,
) -> Result<()> {
    let shared = Mutex::new(Shared {
        runs,
        pace: Pace::new(plan),
        waiting: 0..0,
        error: None,
    });
    for group in plan.groups() {
        let to_do = plan.steps[group.clone()]
            .iter()
            .filter(|step| !step.is_done);
        shop.n_at_once = to_do.count().clamp(1, n_jobs);
        held(&shared).waiting = group;
        std::thread::scope(|scope| {
            for _ in 0..shop.n_at_once {
                scope.spawn(|| work(shop, plan, &shared));
            }
        });
        if let Some(error) = held(&shared).error.take() {
            return Err(error);
        }
    }
    Ok(())
}

/// One worker: the next step of the group, until there is none.
fn work(shop: &Workshop, plan: &Plan, shared: &Mutex<Shared>) {
    loop {
        let mut state = held(shared);
        let next = match state.error {
            None => state.waiting.next(),
            Some(_) => None,
        };
        let Some(index) = next else { return };
        let step = &plan.steps[index];
        let head = format!("[{}/{}] {}", index + 1, plan.steps.len(), step.title());
        // The data's program says itself whether the folder is what this recipe asks for.
        if step.is_done && !matches!(step.kind, StepKind::Data) {
            eprintln!("{head}: done");
            continue;
        }
        let left = state.pace.left().map(indicatif::HumanDuration);
        let left = left.map_or_else(String::new, |left| format!("  ({left} left in all)"));
        eprintln!("\n{head}{left}");
        state.pace.begin(step);
        let runs = state.runs.clone();
        drop(state);
        let done = shop.perform(step, &runs);
        let mut state = held(shared);
        if !step.is_done {
            state.pace.finish(step);
        }
        match (done, &step.kind) {
            (Ok(folder), StepKind::Baseline) => state.runs[0] = folder,
            (Ok(folder), StepKind::Guided(run, _)) => state.runs[*run] = folder,
            (Ok(_), _) => {}
            (Err(error), _) => {
                state.error.get_or_insert(error);
            }
        }
    }
}

fn held(shared: &Mutex<Shared>) -> MutexGuard<'_, Shared> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}
