//! Writes a results folder with invented numbers, from which a test makes a report: runs (trainings), and the
//! metrics of their checkpoints, in tables of the declared schemas. Nothing is trained.
//!
//! Replicates (metrics over bootstrap resamples of the test images) scatter around the given values. A larger part
//! of the scatter is common to all runs, because a resample has the same images for all; a smaller part is the
//! run's own.

#![allow(clippy::unwrap_used, dead_code)]

pub mod browser;
pub mod claims;
pub mod gallery;
pub mod program;

use std::path::Path;

use polars::prelude::*;
use tempfile::TempDir;

/// The part of the test split that a metric is over.
#[derive(Clone, Copy, PartialEq)]
pub enum Part {
    /// All images.
    All,
    /// The images of a group.
    Group(i32),
    /// The images of a class.
    Class(i32),
    /// The pairs (an image and a class on it) whose boxes cover a share of the image in this range.
    Size(f64, f64),
}

/// A metric's value over a part: (part, metric, value).
pub type Value = (Part, &'static str, f64);

/// An evaluation: the metrics of one epoch's maps of one split at one layer.
#[derive(Clone)]
pub struct Score {
    pub split: &'static str,
    pub epoch: i32,
    /// The layer that the maps are of.
    pub layer: &'static str,
    pub values: Vec<Value>,
}

/// A run; the default is a baseline.
#[derive(Clone)]
pub struct Run {
    pub id: String,
    pub dataset: &'static str,
    pub backbone: &'static str,
    pub attribution: &'static str,
    pub layer: &'static str,
    pub task: &'static str,
    /// The localization loss, and λ, its weight; `None` for a baseline.
    pub loss: Option<&'static str>,
    pub lambda: Option<f64>,
    pub annotated_fraction: f64,
    pub annotation: &'static str,
    pub dilation: f64,
    pub seed: i64,
    /// The id of the baseline (unguided run) that it begins from.
    pub baseline: Option<&'static str>,
    /// The configured number of epochs.
    pub length: i32,
    pub learning_rate: f64,
    pub batch_size: i32,
    /// Name and weight decay.
    pub optimizer: (&'static str, f64),
    /// Name and steps of warm-up.
    pub schedule: (&'static str, i64),
    pub early_stopping: &'static str,
    pub augmentation: &'static str,
    pub color_jitter: &'static str,
    /// Classes an image shows, and what maps explain.
    pub labels: (&'static str, &'static str),
    pub precision: &'static str,
    /// Height and width of the network's input in pixels.
    pub size: i32,
    /// Provenance hash of the data folder: any text here, a SHA-256 in real tables.
    pub data: &'static str,
    /// Stands for the options that decide the result but have no column in `run.parquet`: any text, which only
    /// changes the hash of the configuration.
    pub hidden: &'static str,
    /// The precision in which its maps were computed, e.g. `f32`.
    pub maps_precision: Option<&'static str>,
    /// The version of the evaluator's formulas in its evaluations.
    pub formulas: Option<&'static str>,
    /// The loss's option `exponent`, if it has one.
    pub exponent: Option<f64>,
    /// The schema version of its `run.parquet`.
    pub version: &'static str,
    /// Further metadata of its tables: (key, value).
    pub said: Vec<(&'static str, &'static str)>,
    /// Seconds that an epoch took.
    pub seconds: f64,
    /// (epoch, validation F1, validation EPG); all are in the Pareto set but those in `dropped`.
    pub epochs: Vec<(i32, f64, f64)>,
    /// The epochs whose checkpoints were not kept.
    pub dropped: Vec<i32>,
    /// Its evaluations.
    pub scores: Vec<Score>,
}

impl Default for Run {
    fn default() -> Self {
        Self {
            id: "base".to_owned(),
            dataset: "voc2007",
            backbone: "resnet50",
            attribution: "ixg",
            layer: "input",
            task: "conventional",
            loss: None,
            lambda: None,
            annotated_fraction: 1.0,
            annotation: "box",
            dilation: 0.0,
            seed: 0,
            baseline: None,
            length: 2,
            learning_rate: 1e-4,
            batch_size: 32,
            optimizer: ("adam", 0.0),
            schedule: ("constant", 0),
            early_stopping: "none",
            augmentation: "none",
            color_jitter: "none",
            labels: ("multi", "logit"),
            precision: "f32",
            size: 224,
            data: "d",
            hidden: "",
            maps_precision: Some("f32"),
            formulas: Some("2"),
            exponent: None,
            version: "5",
            said: Vec::new(),
            seconds: 10.0,
            // The best epoch is not the last one, so the run counts as converged.
            epochs: vec![(1, 0.80, 0.40), (2, 0.70, 0.30)],
            dropped: Vec::new(),
            scores: Vec::new(),
        }
    }
}

/// Returns the values of an evaluation that reaches this F1 and this EPG over all images.
pub fn reaches(f1: f64, epg: f64) -> Vec<Value> {
    vec![(Part::All, "f1", f1), (Part::All, "epg", epg)]
}

impl Run {
    /// Returns a run guided by `loss` that begins from the baseline `base` and has the same validation F1.
    pub fn guided(id: &str, loss: &'static str) -> Self {
        Self {
            id: id.to_owned(),
            loss: Some(loss),
            lambda: Some(0.1),
            baseline: Some("base"),
            epochs: vec![(1, 0.80, 0.50)],
            ..Self::default()
        }
    }

    /// Adds an evaluation of its first epoch with maps at the layer that it is guided at.
    pub fn scored(self, values: Vec<Value>) -> Self {
        let layer = self.layer;
        self.scored_at(layer, values)
    }

    /// Adds an evaluation of its first epoch with maps at `layer`.
    pub fn scored_at(mut self, layer: &'static str, values: Vec<Value>) -> Self {
        let epoch = self.epochs[0].0;
        self.scores.push(Score {
            split: "test",
            epoch,
            layer,
            values,
        });
        self
    }
}

/// Returns `runs` once for each of `n` seeds: ids and baselines get the seed's number. The metrics of guided runs
/// differ from the given ones by at most 0.001, by seed and run.
pub fn over_seeds(runs: &[Run], n: i64) -> Vec<Run> {
    let of_seed = |seed: i64| {
        let named = move |id: &str| format!("{id}-{seed}");
        runs.iter().map(move |run| {
            let mut run = Run {
                seed,
                baseline: run.baseline.map(|id| &*named(id).leak()),
                id: named(&run.id),
                ..run.clone()
            };
            let bytes: i64 = run.id.bytes().map(i64::from).sum();
            let scatter = (seed as f64 * 2.4 + bytes as f64).sin() * 0.001;
            let scatter = if run.loss.is_some() { scatter } else { 0.0 };
            for score in &mut run.scores {
                score
                    .values
                    .iter_mut()
                    .for_each(|(.., value)| *value += scatter);
            }
            run
        })
    };
    (0..n).flat_map(of_seed).collect()
}

/// Writes `runs` into a fresh results folder.
pub fn results(runs: &[Run]) -> TempDir {
    let dir = TempDir::new().unwrap();
    add(dir.path(), runs);
    dir
}

/// Writes `runs` into a results folder.
pub fn add(root: &Path, runs: &[Run]) {
    for run in runs {
        write_run(root, run, runs);
    }
}

/// Returns the current schema version of a table.
pub fn version(schema: &str) -> &'static str {
    match schema {
        "run" => "5",
        "replicates" | "scores" => "4",
        "metrics" => "3",
        "examples" | "images" => "2",
        _ => "1",
    }
}

/// Writes a table with its schema's name and version, the data hash "d" and formulas of version 2.
pub fn write(path: &Path, schema: &str, frame: DataFrame) {
    let metadata = [("guidance.inputs", "d"), ("guidance.formulas", "2")];
    write_with(path, schema, &metadata, frame);
}

/// Writes a table of the current schema version with this metadata.
pub fn write_with(path: &Path, schema: &str, metadata: &[(&str, &str)], frame: DataFrame) {
    write_version(path, (schema, version(schema)), metadata, frame);
}

/// Writes a table with its schema's name, this version and this metadata.
fn write_version(
    path: &Path,
    (schema, version): (&str, &str),
    metadata: &[(&str, &str)],
    mut frame: DataFrame,
) {
    fs_err::create_dir_all(path.parent().unwrap()).unwrap();
    let mut all = vec![("guidance.schema", schema), ("guidance.version", version)];
    all.extend(metadata);
    let all = all.into_iter();
    let metadata = all.map(|(key, value)| (key.to_owned(), value.to_owned()));
    ParquetWriter::new(std::fs::File::create(path).unwrap())
        .with_key_value_metadata(Some(KeyValueMetadata::from_static(metadata.collect())))
        .finish(&mut frame)
        .unwrap();
}

/// Writes times of training steps: run id, round, and seconds.
pub fn write_step_times(root: &Path, times: &[(&str, i32, f64)]) {
    let frame = df!(
        "run_id" => times.iter().map(|time| time.0).collect::<Vec<_>>(),
        "round" => times.iter().map(|time| time.1).collect::<Vec<_>>(),
        "seconds" => times.iter().map(|time| time.2).collect::<Vec<_>>(),
        "device" => vec!["cpu"; times.len()],
    );
    write(&root.join("times/1.parquet"), "step_times", frame.unwrap());
}

/// Returns a hash of a run's configuration, by the trainer's rule: it is the same for runs that differ only in λ and
/// seed, and whose baselines differ only in seed.
pub fn configuration(run: &Run, runs: &[Run]) -> String {
    let origin = run.baseline.map(|id| {
        let parent = runs.iter().find(|other| other.id == id);
        parent.map_or("missing".to_owned(), |parent| configuration(parent, runs))
    });
    let mut hasher = std::hash::DefaultHasher::new();
    let text = format!(
        "{:?}",
        (
            (run.backbone, run.attribution, run.layer, run.task, run.loss),
            (run.annotated_fraction, run.annotation, run.dilation, origin),
            (run.length, run.learning_rate, run.batch_size, run.data),
            (
                run.optimizer,
                run.schedule,
                run.early_stopping,
                run.color_jitter,
                run.labels
            ),
            (
                run.augmentation,
                run.precision,
                run.hidden,
                run.exponent.map(f64::to_bits)
            ),
        )
    );
    std::hash::Hash::hash(&text, &mut hasher);
    format!("{:012x}", std::hash::Hasher::finish(&hasher) >> 16)
}

/// Writes a run's `run.parquet`, `epochs.parquet` and evaluations.
fn write_run(root: &Path, run: &Run, runs: &[Run]) {
    let folder = root.join("runs").join(&run.id);
    let id = run.id.as_str();
    let init = run
        .baseline
        .map_or("scratch".to_owned(), |base| format!("run:{base}@1"));
    let mut frame = df!(
        "run_id" => [id], "name" => [format!("{} {:?}", run.loss.unwrap_or("baseline"), run.lambda)],
        "dataset" => [run.dataset], "data_inputs" => [run.data], "backbone" => [run.backbone],
        "attribution" => [run.attribution], "layer" => [run.layer], "loss" => [run.loss],
        "lambda" => [run.lambda], "annotated_fraction" => [run.annotated_fraction],
        "annotation" => [run.annotation], "dilation" => [run.dilation], "seed" => [run.seed],
        "learning_rate" => [run.learning_rate], "batch_size" => [run.batch_size], "epochs" => [run.length],
        "init" => [init], "baseline_run_id" => [run.baseline],
        "configuration" => [configuration(run, runs)], "input_height" => [run.size],
        "input_width" => [run.size], "n_train" => [2501_i64], "n_val" => [2510_i64],
        "device" => ["cpu"], "threads" => [2_i32], "seconds" => [60.0], "program" => ["trainer 0.1.0"],
        "task" => [run.task], "augmentation" => [run.augmentation], "precision" => [run.precision],
    )
    .unwrap();
    let options = run.exponent.map(|exponent| format!("exponent={exponent}"));
    let options = match run.version {
        "3" => Column::new("area_exponent".into(), [run.exponent]),
        _ => Column::new("loss_options".into(), [options]),
    };
    frame.with_column(options).unwrap();
    if !["3", "4"].contains(&run.version) {
        let (optimizer, weight_decay) = run.optimizer;
        let (schedule, warmup_steps) = run.schedule;
        let later = df!(
            "optimizer" => [optimizer], "weight_decay" => [weight_decay], "schedule" => [schedule],
            "warmup_steps" => [warmup_steps], "early_stopping" => [run.early_stopping],
            "color_jitter" => [run.color_jitter], "labels" => [run.labels.0], "explained" => [run.labels.1], "epochs_trained" => [run.epochs.len() as i32],
        );
        frame = frame.hstack(later.unwrap().columns()).unwrap();
    }
    let path = folder.join("run.parquet");
    write_version(&path, ("run", run.version), &run.said, frame);
    let n = run.epochs.len();
    let column =
        |get: fn(&(i32, f64, f64)) -> f64| run.epochs.iter().map(get).collect::<Vec<f64>>();
    let is_kept = |epoch: &(i32, f64, f64)| !run.dropped.contains(&epoch.0);
    let kept: Vec<bool> = run.epochs.iter().map(is_kept).collect();
    let frame = df!(
        "run_id" => vec![id; n], "epoch" => run.epochs.iter().map(|e| e.0).collect::<Vec<i32>>(),
        "loss" => vec![0.5; n], "loss_class" => vec![0.3; n], "loss_localization" => vec![0.2; n],
        "learning_rate" => vec![1e-4; n], "seconds" => vec![run.seconds; n],
        "images_per_second" => vec![80.0; n], "val_f1" => column(|e| e.1), "val_map" => column(|e| e.1),
        "val_epg" => column(|e| e.2), "val_iou" => column(|e| e.2), "is_pareto" => kept,
    );
    write(&folder.join("epochs.parquet"), "epochs", frame.unwrap());
    for score in &run.scores {
        let mut name = format!(
            "{}-{}-{}-epoch-{:04}",
            score.split, run.attribution, score.layer, score.epoch
        );
        if run.maps_precision != Some("f32") {
            name.push_str(&format!("-{}", run.maps_precision.unwrap_or("unknown")));
        }
        write_score(&folder.join("evaluations").join(name), run, score);
    }
}

/// Writes the `metrics` and `replicates` of an evaluation.
fn write_score(folder: &Path, run: &Run, score: &Score) {
    let values = &score.values;
    let n = values.len();
    let pick = |get: fn(&Part) -> Option<i32>| {
        values
            .iter()
            .map(|(part, ..)| get(part))
            .collect::<Vec<_>>()
    };
    let size = |get: fn(&Part) -> Option<f64>| {
        values
            .iter()
            .map(|(part, ..)| get(part))
            .collect::<Vec<_>>()
    };
    let group = |part: &Part| match part {
        Part::Group(group) => Some(*group),
        _ => None,
    };
    let class = |part: &Part| match part {
        Part::Class(class) => Some(*class),
        _ => None,
    };
    let low = |part: &Part| match part {
        Part::Size(low, _) => Some(*low),
        _ => None,
    };
    let high = |part: &Part| match part {
        Part::Size(_, high) => Some(*high),
        _ => None,
    };
    // IoU's threshold is 0.5. The tuned IoU's differs between runs, the sweep's between its rows.
    let threshold = |(_, metric, value): &(Part, &str, f64)| match *metric {
        "iou" => Some(0.5),
        "iou_tuned" | "iou_tuned_informative" | "iou_sweep" => Some(*value),
        _ => None,
    };
    let frame = df!(
        "run_id" => vec![run.id.as_str(); n], "checkpoint" => vec![score.epoch; n], "split" => vec![score.split; n],
        "group_id" => pick(group), "class_id" => pick(class), "size_low" => size(low), "size_high" => size(high),
        "attribution" => vec![run.attribution; n], "layer" => vec![score.layer; n],
        "precision" => vec![run.maps_precision; n],
        "metric" => values.iter().map(|v| v.1).collect::<Vec<_>>(),
        "threshold" => values.iter().map(threshold).collect::<Vec<_>>(),
        "value" => values.iter().map(|v| v.2).collect::<Vec<_>>(), "n" => vec![100_i64; n],
    );
    let task = [("guidance.task", run.task)];
    let unusual = task.into_iter().filter(|(_, task)| *task != "conventional");
    let formulas = run.formulas.map(|formulas| ("guidance.formulas", formulas));
    let said = run.said.iter().copied();
    let metadata: Vec<(&str, &str)> = unusual.chain(formulas).chain(said).collect();
    let path = |table: &str| folder.join(format!("{table}.parquet"));
    write_with(&path("metrics"), "metrics", &metadata, frame.unwrap());
    let replicates = replicates(run, score);
    write_with(&path("replicates"), "replicates", &metadata, replicates);
}

/// The number of replicates of each metric. A replicate is the metric's value, plus a shift of at most 0.02 that is
/// the same for all runs, plus one of at most 0.002 that depends on the run.
const REPLICATES: i32 = 100;
/// The metrics in an order that decides how their replicates scatter: in one replicate, metrics at different places
/// have different shifts. All other metrics share the place after the last.
const MEASURES: [&str; 8] = [
    "f1",
    "map",
    "accuracy",
    "epg",
    "iou",
    "iou_tuned",
    "segment_epg",
    "on_object",
];
/// The metrics without replicates; all others have them.
const UNSAMPLED: [&str; 5] = [
    "worst_group",
    "empty_mask",
    "no_positive",
    "under_constant",
    "iou_sweep",
];

/// Returns the table of replicates of an evaluation: for its metrics over all images and over groups.
fn replicates(run: &Run, score: &Score) -> DataFrame {
    let own: u32 = run.id.bytes().map(u32::from).sum();
    let is_sampled = |(part, metric, _): &&Value| {
        matches!(part, Part::All | Part::Group(_)) && !UNSAMPLED.contains(metric)
    };
    let mut rows: Vec<(Option<i32>, i32, &str, f64)> = Vec::new();
    for (part, metric, value) in score.values.iter().filter(is_sampled) {
        let group = match part {
            Part::Group(group) => Some(*group),
            _ => None,
        };
        let rank = MEASURES.iter().position(|known| known == metric);
        for number in 0..REPLICATES {
            let shared = (f64::from(number) * 1.7 + rank.unwrap_or(8) as f64).sin() * 0.02;
            let own = (f64::from(number) * 2.3 + f64::from(own)).sin() * 0.002;
            rows.push((group, number, metric, value + shared + own));
        }
    }
    let n = rows.len();
    df!(
        "run_id" => vec![run.id.as_str(); n], "checkpoint" => vec![score.epoch; n], "split" => vec![score.split; n],
        "group_id" => rows.iter().map(|row| row.0).collect::<Vec<_>>(),
        "attribution" => vec![run.attribution; n], "layer" => vec![score.layer; n],
        "precision" => vec![run.maps_precision; n],
        "replicate" => rows.iter().map(|row| row.1).collect::<Vec<_>>(),
        "metric" => rows.iter().map(|row| row.2).collect::<Vec<_>>(),
        "value" => rows.iter().map(|row| Some(row.3)).collect::<Vec<_>>(),
    )
    .unwrap()
}
