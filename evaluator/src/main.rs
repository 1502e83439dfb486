//! The `evaluator` program: its command line, its summary, its exit code (0 done, 2 failed).

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use clap::{Args, Parser, Subcommand};
use data_prep::dataset::{Split, Task};
use evaluator::columnar::Source;
use evaluator::maps::RunColumns;
use evaluator::predictions::Missing;
use evaluator::score::{Report, ScoreOptions, score};

/// EPG, IoU, F1 and mAP of attribution maps and logits against a data folder's masks.
#[derive(Parser)]
#[command(version, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Score a map file; write scores, iou, replicates, examples and metrics (.parquet) into a folder.
    Score(ScoreArgs),
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
    /// Logits of all classes of the split's images (Parquet or Arrow), for F1 and mAP.
    #[arg(long, value_name = "FILE")]
    predictions: Option<PathBuf>,
    /// Run the maps are of [default: the maps' metadata, else the file's name].
    #[arg(long, value_name = "ID")]
    run_id: Option<String>,
    /// Epoch of the checkpoint [default: the maps' metadata, else 0].
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
    /// IoU's fixed threshold, on maps scaled to 0–1; the sweep is written in any case.
    #[arg(long, default_value_t = 0.5, value_parser = threshold)]
    threshold: f64,
    /// Bootstrap resamples over images.
    #[arg(long, value_name = "N", default_value_t = 1000)]
    replicates: u32,
    /// Seed of the resamples and of the choice of examples.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Examples for the report's panel.
    #[arg(long, value_name = "N", default_value_t = 8)]
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
            columns: RunColumns {
                run_id: self.run_id,
                checkpoint: self.checkpoint,
                split: self.split,
                task: self.task,
                attribution: self.attribution,
                layer: self.layer,
            },
            threshold: self.threshold,
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

fn main() -> ExitCode {
    let Command::Score(args) = Cli::parse().command;
    match run(&args.options()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {}", data_prep::error::one_line(error.as_ref()));
            ExitCode::from(2)
        }
    }
}

fn run(options: &ScoreOptions) -> anyhow::Result<()> {
    let report = score(options)?;
    if let Some(left_out) = &report.left_out {
        let line = left_out.to_string();
        eprintln!("warning: {}", line.lines().next().unwrap_or_default());
    }
    if options.predictions.is_none() {
        eprintln!("note: no --predictions, so F1, mAP and accuracy are left out");
    }
    std::io::stdout()
        .write_all(summary(&report).as_bytes())
        .context("stdout")
}

/// A table of the metrics: one line per metric, one column for all images and per group.
fn summary(report: &Report) -> String {
    let key = &report.key;
    let mut text = format!(
        "{} epoch {} · {} · {} at {} · {} pairs\n",
        key.run_id, key.checkpoint, key.split, key.attribution, key.layer, report.n_pairs
    );
    let mut scopes = vec![(None, "all".to_owned())];
    scopes.extend(
        report
            .groups
            .iter()
            .map(|(id, name)| (Some(*id), name.clone())),
    );
    let width = scopes
        .iter()
        .map(|(_, name)| name.chars().count() + 2)
        .max()
        .unwrap_or(0)
        .max(9);
    text += &format!("{:<13}", "metric");
    for (_, name) in &scopes {
        text += &format!("{name:>width$}");
    }
    text += "\n";
    let mut shown = Vec::new();
    for metric in &report.metrics {
        if metric.metric == "iou_sweep" || shown.contains(&metric.metric) {
            continue;
        }
        shown.push(metric.metric);
        text += &format!("{:<13}", metric.metric);
        for (group, _) in &scopes {
            let mut rows = report.metrics.iter();
            let row = rows.find(|row| row.metric == metric.metric && row.group_id == *group);
            let value = row.and_then(|row| row.value);
            let value = value.map_or("–".to_owned(), |value| format!("{value:.4}"));
            text += &format!("{value:>width$}");
        }
        text += "\n";
    }
    text
}

fn threshold(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(value) if (0.0..1.0).contains(&value) => Ok(value),
        _ => Err("expected a number from 0 to below 1".to_owned()),
    }
}
