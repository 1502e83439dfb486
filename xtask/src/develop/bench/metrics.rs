//! Measures how long `evaluator score` takes for a map of 224 × 224 cells, with reading its file and writing all
//! tables: for EPG and IoU against a loop in torch as the official code has it, for the metrics of Quantus against
//! Quantus. Both sides read the same file of random maps, in turns.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use fs_err as fs;
use serde::Deserialize;

use super::measure::{self, Cost, median_of};
use super::python;
use super::table::{Goal, Row, Table};
use crate::system::process::BinDir;
use crate::system::{disk, paths, process};

/// What may be said on the command line.
#[derive(Debug, clap::Args)]
#[group(skip)] // another is called Args, too
pub(super) struct Args {
    /// Images with maps to score, of about two classes each
    #[arg(long, value_name = "N", default_value_t = 1000,
          value_parser = clap::value_parser!(u64).range(1..))]
    map_images: u64,
    /// Maps that Quantus and scikit-learn are timed on
    #[arg(long, value_name = "N", default_value_t = 30,
          value_parser = clap::value_parser!(u32).range(1..))]
    sampled_maps: u32,
    /// The Python that has Quantus, scikit-learn, torch and pyarrow [default: an environment made for it]
    #[arg(long, value_name = "FILE")]
    metrics_python: Option<PathBuf>,
}

/// The metrics that Quantus has, too, and the average precision of scikit-learn.
const NINE: &str = "pointing_game_quantus,relevance_mass,relevance_mass_absolute,relevance_rank,top_k_intersection,\
                    auc,average_precision,gini,entropy";
/// Those and the metrics of all maps together.
const ALL: &str = "all";

/// What the Python script prints as JSON; times are seconds a map.
#[derive(Debug, Deserialize)]
struct Report {
    pairs: u64,
    epg_and_iou: f64,
    calls: f64,
    functions: f64,
}

/// Measures both sides in turn and prints the table.
pub(super) fn run(args: &Args, programs: &BinDir, n_runs: u32) -> Result<()> {
    let out = paths::root().join("out");
    fs::create_dir_all(&out)?;
    let scratch = tempfile::Builder::new().prefix("bench-").tempdir_in(&out)?;
    let python = match &args.metrics_python {
        Some(python) => python.clone(),
        None => python::ensure_metrics()?,
    };
    // The pixels of an image, and its maps.
    disk::require(scratch.path(), args.map_images * 224 * 224 * (3 + 3 * 4))?;
    let (data, maps) = (
        scratch.path().join("data"),
        scratch.path().join("maps.arrow"),
    );
    let mut draw = Command::new(programs.program("data-prep")?);
    draw.arg("scenes").arg("--out").arg(&data);
    draw.args([
        "--train",
        "1",
        "--val",
        "1",
        "--shifted",
        "1",
        "--size",
        "224",
    ]);
    draw.args(["--test", &args.map_images.to_string()]);
    process::capture(&mut draw, "drawing images")?;
    let mut write = Command::new(&python);
    write.arg(python::script("metrics.py")).arg("write");
    process::capture(write.arg(&data).arg(&maps), "writing maps")?;

    let score = |metrics: Option<&str>| -> Result<Cost> {
        let mut command = Command::new(programs.program("evaluator")?);
        command.arg("score").arg("--data").arg(&data);
        command.arg("--maps").arg(&maps);
        command.arg("--out").arg(scratch.path().join("evaluation"));
        command.args(metrics.iter().flat_map(|metrics| ["--metric", metrics]));
        measure::run(&python, &command)
    };
    score(None)?; // not counted: brings the file into the system's cache
    let (mut standard, mut nine, mut all, mut theirs) = (vec![], vec![], vec![], vec![]);
    for run in 1..=n_runs {
        eprintln!("metrics: run {run} of {n_runs}");
        standard.push(score(None)?);
        nine.push(score(Some(NINE))?);
        all.push(score(Some(ALL))?);
        theirs.push(time(&python, &data, &maps, args.sampled_maps)?);
    }
    let pairs = theirs.first().map_or(1, |report| report.pairs);
    let ours = |costs: &[Cost], quantity: fn(&Cost) -> f64| {
        1e3 * median_of(costs, quantity) / pairs as f64
    };
    let wall = |costs: &[Cost]| ours(costs, |cost| cost.seconds);
    let reference = |quantity: fn(&Report) -> f64| 1e3 * median_of(&theirs, quantity);
    let (calls, functions) = (
        reference(|report| report.calls),
        reference(|report| report.functions),
    );
    let added = wall(&nine) - wall(&standard);
    let table = Table {
        ours: "evaluator",
        reference: "torch, Quantus",
        rows: vec![
            Row::new(
                "EPG and IoU: all standard metrics, a map",
                "ms",
                [wall(&standard), reference(|report| report.epg_and_iou)],
                Goal::Times(5.0),
            ),
            Row::new(
                "nine metrics of Quantus beside them",
                "ms",
                [wall(&nine), calls],
                Goal::Times(500.0),
            ),
            Row::new("these nine alone", "ms", [added, calls], Goal::None),
            Row::new(
                "these nine alone, without what Quantus does around its functions",
                "ms",
                [added, functions],
                Goal::None,
            ),
        ],
    };
    println!("### Metrics of {pairs} maps of 224 × 224 cells\n");
    println!("{table}");
    println!(
        "Every metric, MaxBoxAcc and PxAP among them: {:.2} ms a map; CPU time {:.2} ms standard, {:.2} ms with the \
         nine, {:.2} ms with all.\n",
        wall(&all),
        ours(&standard, |cost| cost.cpu_seconds),
        ours(&nine, |cost| cost.cpu_seconds),
        ours(&all, |cost| cost.cpu_seconds),
    );
    scratch.close().context("deleting what the benchmark wrote")
}

/// Times the other programs.
fn time(python: &Path, data: &Path, maps: &Path, sample: u32) -> Result<Report> {
    let mut command = Command::new(python);
    command.arg(python::script("metrics.py")).arg("time");
    command.arg(data).arg(maps).arg(sample.to_string());
    let printed = process::capture(&mut command, "timing torch and Quantus")?;
    serde_json::from_str(&printed)
        .with_context(|| format!("found {:?}, expected a JSON object", printed.trim()))
}
