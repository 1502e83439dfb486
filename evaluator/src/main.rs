//! The `evaluator` program: its command line and its exit code (0 done, 2 failed).
//!
//! EPG (energy pointing game) is the share of a map's positive attribution inside the boxes of its class. An
//! evaluation is the folder that `evaluator score` writes about one checkpoint's maps of one split. A pair is an
//! image and a class on it; it has one map.

mod summary;

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use clap::{Args, Parser, Subcommand};
use data_prep::dataset::{Labels, Split, Task};
use evaluator::compare::{CompareOptions, compare};
use evaluator::evaluate::{Missing, ScoreOptions, score};
use evaluator::maps::{RunColumns, Source};
use evaluator::metrics::{Chosen, vocabulary};
use serde_json::json;

/// EPG, IoU, F1 and mAP of attribution maps and logits against a data folder's masks.
#[derive(Parser)]
#[command(version, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Score a map file; write scores, iou, replicates, examples, gallery (of a test split) and metrics
    /// (.parquet) into a folder.
    Score(ScoreArgs),
    /// Print the versions of the formulas and of an evaluation's tables: what an evaluation must be made with
    /// to be read, and compared with one of this program.
    Formulas,
    /// Print the names of the metrics.
    Vocabulary(VocabularyArgs),
    /// Test two evaluations of the same images against each other, metric by metric: differences with
    /// bootstrap intervals and p-values.
    Compare(CompareArgs),
}

#[derive(Args)]
struct ScoreArgs {
    /// Attribution maps: Arrow IPC stream (- for stdin), Arrow IPC file or Parquet with image_id,
    /// class_id, height, width and map (f32 little-endian, row-major; any resolution).
    #[arg(long, value_name = "FILE|-")]
    maps: Source,
    /// Data folder made by data-prep.
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// Folder for the result tables.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Logits of all classes of the split's images (Parquet or Arrow), for F1 and mAP; written to
    /// predictions.parquet in --out for evaluator compare.
    #[arg(long, value_name = "FILE")]
    predictions: Option<PathBuf>,
    /// Whether each image shows exactly one class, so that the class with the greatest logit is predicted, or
    /// any number, each predicted at logit ≥ 0 [default: the predictions' metadata, else multi].
    #[arg(long)]
    labels: Option<Labels>,
    /// Run the maps are of [default: the maps' metadata, else the predictions', else the file's name].
    #[arg(long, value_name = "ID")]
    run_id: Option<String>,
    /// Epoch of the checkpoint [default: the maps' metadata, else the predictions', else 0].
    #[arg(long, value_name = "N")]
    checkpoint: Option<i32>,
    /// Split to score [default: the maps' metadata, else that of the images].
    #[arg(long)]
    split: Option<Split>,
    /// Waterbirds only: score against the bird, or against the background and everything outside the
    /// bird's box [default: the maps' metadata, else conventional].
    #[arg(long)]
    task: Option<Task>,
    /// Attribution method [default: the maps' metadata, else unknown].
    #[arg(long, value_name = "NAME")]
    attribution: Option<String>,
    /// Layer explained [default: the maps' metadata, else unknown].
    #[arg(long, value_name = "NAME")]
    layer: Option<String>,
    /// In which numbers the maps were computed, e.g. f32 or bf16 [default: the maps' metadata, else the
    /// predictions'].
    #[arg(long, value_name = "NAME")]
    precision: Option<String>,
    /// IoU's fixed threshold, on maps scaled to 0–1; the sweep is written in any case.
    #[arg(long, default_value_t = 0.5, value_parser = threshold)]
    threshold: f64,
    /// Report IoU also at the threshold with the greatest mean IoU in this evaluation: of the same run,
    /// checkpoint, attribution, layer and precision, as far as both say them, on another split.
    #[arg(long, value_name = "DIR")]
    threshold_from: Option<PathBuf>,
    /// Compute these metrics of maps, too, beside those that every evaluation has; all: every one. evaluator
    /// vocabulary marks them.
    #[arg(long = "metric", value_name = "NAME", value_delimiter = ',')]
    metrics: Vec<Chosen>,
    /// Bootstrap resamples over images.
    #[arg(long, value_name = "N", default_value_t = 1000)]
    replicates: u32,
    /// Seed of the resamples and of the choice of examples.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Pairs whose maps are kept for the report's panel, drawn at random: it shows eight, and the worst, median
    /// and best of all.
    #[arg(long, value_name = "N", default_value_t = 32)]
    examples: usize,
    /// Score what is there when pairs have no map or images no logits.
    #[arg(long)]
    partial: bool,
}

impl ScoreArgs {
    fn options(self) -> ScoreOptions {
        ScoreOptions {
            maps: self.maps,
            data: self.data,
            out: self.out,
            predictions: self.predictions,
            labels: self.labels,
            columns: RunColumns {
                run_id: self.run_id,
                checkpoint: self.checkpoint,
                split: self.split,
                task: self.task,
                attribution: self.attribution,
                layer: self.layer,
                precision: self.precision,
                batch_size: None,
            },
            threshold: self.threshold,
            threshold_from: self.threshold_from,
            metrics: self.metrics.into_iter().collect(),
            replicates: self.replicates as usize,
            seed: self.seed,
            examples: self.examples,
            missing: match self.partial {
                true => Missing::LeftOut,
                false => Missing::Refused,
            },
        }
    }
}

#[derive(Args)]
struct VocabularyArgs {
    /// As JSON, with what else is to be known of each metric.
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
struct CompareArgs {
    /// The evaluation that is compared with, e.g. a baseline's; several: one of each seed.
    #[arg(long, value_name = "DIR", required = true, num_args = 1..)]
    a: Vec<PathBuf>,
    /// The evaluation that is compared: differences are B − A. Of as many seeds as --a they are pairs, in order.
    #[arg(long, value_name = "DIR", required = true, num_args = 1..)]
    b: Vec<PathBuf>,
    /// Data folder the evaluations are against: its labels are the targets where predictions.parquet
    /// has none.
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Folder for paired.parquet.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Random swaps of a permutation test: p-values are multiples of 1/(N + 1).
    #[arg(long, value_name = "N", default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(1..))]
    permutations: u32,
    /// Seed of the permutation tests.
    #[arg(long, default_value_t = 0)]
    seed: u64,
}

impl CompareArgs {
    fn options(self) -> CompareOptions {
        CompareOptions {
            a: self.a,
            b: self.b,
            data: self.data,
            out: self.out,
            permutations: self.permutations,
            seed: self.seed,
        }
    }
}

fn main() -> ExitCode {
    let done = match Cli::parse().command {
        Command::Score(args) => run_score(&args.options()),
        Command::Formulas => print(&evaluator::versions()),
        Command::Vocabulary(args) => run_vocabulary(&args),
        Command::Compare(args) => run_compare(&args.options()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {}", data_prep::error::one_line(error.as_ref()));
            ExitCode::from(2)
        }
    }
}

/// Scores, prints warnings to standard error and the summary to standard output.
fn run_score(options: &ScoreOptions) -> anyhow::Result<()> {
    let report = score(options)?;
    if let Some(left_out) = &report.left_out {
        let line = left_out.to_string();
        eprintln!("warning: {}", line.lines().next().unwrap_or_default());
    }
    for warning in &report.warnings {
        eprintln!("warning: {warning}");
    }
    if options.predictions.is_none() {
        eprintln!("note: no --predictions, so F1, mAP and accuracy are left out");
    }
    print(&summary::metrics(&report))
}

/// Compares, prints notes to standard error and the summary to standard output.
fn run_compare(options: &CompareOptions) -> anyhow::Result<()> {
    let comparison = compare(options)?;
    if let Some(folder) = &comparison.without_predictions {
        let path = folder.join("predictions.parquet");
        eprintln!(
            "note: no {} that was scored, so f1 and accuracy are not tested",
            path.display()
        );
    }
    for (folder, metrics) in &comparison.one_sided {
        let (folder, metrics) = (folder.display(), metrics.join(", "));
        eprintln!("note: only {folder} has {metrics}, so that is not compared");
    }
    print(&summary::comparison(&comparison))
}

/// Prints the metrics' names, or all that is known of them as JSON.
fn run_vocabulary(args: &VocabularyArgs) -> anyhow::Result<()> {
    if !args.json {
        return print(&summary::names());
    }
    let vocabulary = json!({
        "program": evaluator::PROGRAM,
        "formulas": evaluator::FORMULAS,
        "metrics": vocabulary(),
    });
    print(&format!("{vocabulary:#}\n"))
}

/// Prints to standard output; unlike `print!` it does not panic where that is closed.
fn print(text: &str) -> anyhow::Result<()> {
    std::io::stdout()
        .write_all(text.as_bytes())
        .context("stdout")
}

/// Parses a threshold from 0 to below 1.
fn threshold(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(value) if (0.0..1.0).contains(&value) => Ok(value),
        _ => Err("expected a number from 0 to below 1".to_owned()),
    }
}
