//! `trainer select`: chooses, by validation metrics, the checkpoints (weights after an epoch) that represent the
//! runs of one configuration in the results. Runs of one configuration differ only in the seed and in λ, the weight of
//! the localization loss (`identity`); runs of several configurations are refused.

use arrow::util::display::array_value_to_string;

use crate::error::{Error, Result};
use crate::run::epochs;
use crate::run::finished::FinishedRun;
use crate::run::pareto;

/// Returns the chosen checkpoints as (index into `runs`, epoch). Of guided runs it is the Pareto front over
/// all their epochs on validation (F1, EPG, IoU). Of an unguided run, which must be the only one in `runs`,
/// it is the epoch with the highest F1.
///
/// # Errors
/// Runs of several configurations, and an unguided one among several.
pub fn select(runs: &[FinishedRun]) -> Result<Vec<(usize, i32)>> {
    if let [run] = runs
        && !run.is_guided
    {
        return Ok(vec![(0, run.best_f1_epoch)]);
    }
    if let Some(run) = runs.iter().find(|run| !run.is_guided) {
        let found = "an unguided one among several";
        return Err(Error::invalid(&run.folder.dir, "run", found, "it alone"));
    }
    if let [first, others @ ..] = runs {
        for other in others {
            check(first, other)?;
        }
    }
    // Epochs that are not kept are beaten by one of their own run.
    let epochs: Vec<_> = runs.iter().map(FinishedRun::kept).collect();
    Ok(pareto::merged_front(&epochs))
}

/// How much lower than the baseline's the F1 of a guided checkpoint may be for [`select_one`]: one percentage
/// point, chosen.
const TOLERANCE: f64 = 0.01;

/// Returns the one checkpoint that stands for guided `runs` of one configuration, as (index into `runs`,
/// epoch): the highest validation EPG among the epochs whose validation F1 is at least that of `baseline`
/// less [`TOLERANCE`]; where there is none, the highest F1.
///
/// # Errors
/// Those of [`select`].
pub fn select_one(runs: &[FinishedRun], baseline: &FinishedRun) -> Result<Option<(usize, i32)>> {
    select(runs)?;
    let candidates: Vec<_> = runs.iter().map(FinishedRun::kept).collect();
    let of_baseline = epochs::candidates(&baseline.epochs);
    let mut f1 = of_baseline
        .iter()
        .filter(|row| row.epoch == baseline.best_f1_epoch);
    let least = f1.next().map_or(0.0, |row| row.f1 - TOLERANCE);
    Ok(pareto::best_epg(&candidates, least).or_else(|| {
        let all = candidates.iter().flatten();
        let most = all.map(|candidate| candidate.f1).fold(0.0, f64::max);
        pareto::best_epg(&candidates, most)
    }))
}

/// Columns that the search for a difference leaves out: runs of one configuration may differ in them, or
/// another column shows the same difference more plainly (`data_inputs` for `dataset`).
const NOT_COMPARED: [&str; 15] = [
    "run_id",
    "name",
    "lambda",
    "seed",
    "configuration",
    "baseline_run_id",
    "input_height",
    "input_width",
    "n_train",
    "n_val",
    "device",
    "threads",
    "seconds",
    "epochs_trained",
    "dataset",
];

/// Refuses `other` if it is of another configuration than `first`. The error names the first column of
/// `run.parquet` in which they differ.
fn check(first: &FinishedRun, other: &FinishedRun) -> Result<()> {
    if first.configuration == other.configuration {
        return Ok(());
    }
    let cell = |run: &FinishedRun, name: &str| {
        let column = run.table.column_by_name(name);
        let text = column.and_then(|column| match column.is_null(0) {
            true => None,
            false => array_value_to_string(column, 0).ok(),
        });
        text.unwrap_or_else(|| "nothing".to_owned())
    };
    let schema = first.table.schema();
    let names = schema.fields().iter().map(|field| field.name().as_str());
    let differs = |name: &&str| {
        let (first, other) = (cell(first, name), cell(other, name));
        // Each seed may begin from another run; `configuration` tells whether these are of one
        // configuration.
        let are_runs = first.starts_with("run:") && other.starts_with("run:");
        first != other && !(*name == "init" && are_runs)
    };
    let is_compared = |name: &&str| !NOT_COMPARED.contains(name);
    let (field, shown) = match names.filter(is_compared).find(differs) {
        Some(name) => (name, name),
        // The table has no column for what differs: the run it begins from, or how its steps are made.
        None => ("init, micro_batch or on_non_finite", "configuration"),
    };
    let expected = format!(
        "{}, as {} has: they may differ in λ, seed and the run begun from alone",
        cell(first, shown),
        first.folder.dir.display()
    );
    Err(Error::invalid(
        &other.folder.dir,
        field,
        cell(other, shown),
        expected,
    ))
}
