//! Results folders made up for a test: runs and what their checkpoints reach, written as the second
//! schema versions of the tables have them. Replicates scatter around the values, with a part that all
//! runs share (the images drawn) and a smaller one of their own.

#![allow(clippy::unwrap_used, dead_code)]

pub mod browser;

use std::path::Path;

use polars::prelude::*;
use tempfile::TempDir;

/// A part of the test split: group, class, or size.
#[derive(Clone, Copy, PartialEq)]
pub enum Part {
    All,
    Group(i32),
    Class(i32),
    Size(f64, f64),
}

/// A metric's value over a part.
pub type Value = (Part, &'static str, f64);

/// The maps of one epoch, scored.
#[derive(Clone)]
pub struct Score {
    pub epoch: i32,
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
    pub loss: Option<&'static str>,
    pub lambda: Option<f64>,
    pub annotated_fraction: f64,
    pub annotation: &'static str,
    pub dilation: f64,
    pub seed: i64,
    pub baseline: Option<&'static str>,
    /// Seconds an epoch.
    pub seconds: f64,
    /// Epoch, validation F1 and EPG; all are in the Pareto set.
    pub epochs: Vec<(i32, f64, f64)>,
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
            seconds: 10.0,
            // The best epoch is not the last one: it had converged.
            epochs: vec![(1, 0.80, 0.40), (2, 0.70, 0.30)],
            scores: Vec::new(),
        }
    }
}

/// F1, EPG, IoU and on-object EPG over all images.
pub fn reaches(f1: f64, epg: f64) -> Vec<Value> {
    vec![(Part::All, "f1", f1), (Part::All, "epg", epg)]
}

impl Run {
    /// Guided by `loss`, from the baseline `base`; on validation it is as good as that in F1.
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

    /// The same with its first epoch scored through its own maps.
    pub fn scored(self, values: Vec<Value>) -> Self {
        let layer = self.layer;
        self.scored_at(layer, values)
    }

    /// The same with its first epoch scored through the maps of `layer`.
    pub fn scored_at(mut self, layer: &'static str, values: Vec<Value>) -> Self {
        let epoch = self.epochs[0].0;
        self.scores.push(Score {
            epoch,
            layer,
            values,
        });
        self
    }
}

/// Writes `runs` into a fresh results folder.
pub fn results(runs: &[Run]) -> TempDir {
    let dir = TempDir::new().unwrap();
    for run in runs {
        write_run(dir.path(), run);
    }
    dir
}

/// Writes a table with its name and version.
pub fn write(path: &Path, schema: &str, version: &str, mut frame: DataFrame) {
    fs_err::create_dir_all(path.parent().unwrap()).unwrap();
    let metadata = [("guidance.schema", schema), ("guidance.version", version)];
    let metadata = metadata.map(|(key, value)| (key.to_owned(), value.to_owned()));
    ParquetWriter::new(std::fs::File::create(path).unwrap())
        .with_key_value_metadata(Some(KeyValueMetadata::from_static(metadata.to_vec())))
        .finish(&mut frame)
        .unwrap();
}

fn write_run(root: &Path, run: &Run) {
    let folder = root.join("runs").join(&run.id);
    let id = run.id.as_str();
    let init = run
        .baseline
        .map_or("scratch".to_owned(), |base| format!("run:{base}@1"));
    let frame = df!(
        "run_id" => [id], "name" => [format!("{} {:?}", run.loss.unwrap_or("baseline"), run.lambda)],
        "dataset" => [run.dataset], "data_inputs" => ["d"], "backbone" => [run.backbone],
        "attribution" => [run.attribution], "layer" => [run.layer], "loss" => [run.loss],
        "lambda" => [run.lambda], "annotated_fraction" => [run.annotated_fraction],
        "annotation" => [run.annotation], "dilation" => [run.dilation], "seed" => [run.seed],
        "learning_rate" => [1e-4], "batch_size" => [32_i32], "epochs" => [run.epochs.len() as i32],
        "init" => [init], "baseline_run_id" => [run.baseline], "input_height" => [224_i32],
        "input_width" => [224_i32], "n_train" => [2501_i64], "n_val" => [2510_i64],
        "device" => ["cpu"], "threads" => [2_i32], "seconds" => [60.0], "program" => ["trainer 0.1.0"],
        "task" => [run.task], "augmentation" => ["none"], "precision" => ["f32"], "area_exponent" => [None::<f64>],
    );
    write(&folder.join("run.parquet"), "run", "2", frame.unwrap());
    let n = run.epochs.len();
    let column =
        |get: fn(&(i32, f64, f64)) -> f64| run.epochs.iter().map(get).collect::<Vec<f64>>();
    let frame = df!(
        "run_id" => vec![id; n], "epoch" => run.epochs.iter().map(|e| e.0).collect::<Vec<i32>>(),
        "loss" => vec![0.5; n], "loss_class" => vec![0.3; n], "loss_localization" => vec![0.2; n],
        "learning_rate" => vec![1e-4; n], "seconds" => vec![run.seconds; n],
        "images_per_second" => vec![80.0; n], "val_f1" => column(|e| e.1), "val_map" => column(|e| e.1),
        "val_epg" => column(|e| e.2), "val_iou" => column(|e| e.2), "is_pareto" => vec![true; n],
    );
    write(
        &folder.join("epochs.parquet"),
        "epochs",
        "1",
        frame.unwrap(),
    );
    for score in &run.scores {
        let name = format!(
            "test-{}-{}-epoch-{:04}",
            run.attribution, score.layer, score.epoch
        );
        write_score(&folder.join("evaluations").join(name), run, score);
    }
}

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
    // Each run has a tuned one of its own.
    let threshold = |(_, metric, value): &(Part, &str, f64)| match *metric {
        "iou" => Some(0.5),
        "iou_tuned" => Some(*value),
        _ => None,
    };
    let frame = df!(
        "run_id" => vec![run.id.as_str(); n], "checkpoint" => vec![score.epoch; n], "split" => vec!["test"; n],
        "group_id" => pick(group), "class_id" => pick(class), "size_low" => size(low), "size_high" => size(high),
        "attribution" => vec![run.attribution; n], "layer" => vec![score.layer; n],
        "metric" => values.iter().map(|v| v.1).collect::<Vec<_>>(),
        "threshold" => values.iter().map(threshold).collect::<Vec<_>>(),
        "value" => values.iter().map(|v| v.2).collect::<Vec<_>>(), "n" => vec![100_i64; n],
    );
    let key = [("guidance.task", run.task)];
    let mut frame = frame.unwrap();
    let mut metadata = vec![
        ("guidance.schema".to_owned(), "metrics".to_owned()),
        ("guidance.version".to_owned(), "2".to_owned()),
    ];
    let unusual = key.into_iter().filter(|(_, task)| *task != "conventional");
    metadata.extend(unusual.map(|(key, task)| (key.to_owned(), task.to_owned())));
    fs_err::create_dir_all(folder).unwrap();
    let task = metadata.clone();
    ParquetWriter::new(std::fs::File::create(folder.join("metrics.parquet")).unwrap())
        .with_key_value_metadata(Some(KeyValueMetadata::from_static(metadata)))
        .finish(&mut frame)
        .unwrap();
    let mut frame = replicates(run, score);
    let metadata = task.into_iter().map(|(key, value)| match value.as_str() {
        "metrics" => (key, "replicates".to_owned()),
        _ => (key, value),
    });
    ParquetWriter::new(std::fs::File::create(folder.join("replicates.parquet")).unwrap())
        .with_key_value_metadata(Some(KeyValueMetadata::from_static(metadata.collect())))
        .finish(&mut frame)
        .unwrap();
}

/// Replicates of a metric: ±2 points that all runs share, ±0.2 of the run's own.
const REPLICATES: i32 = 50;
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

fn replicates(run: &Run, score: &Score) -> DataFrame {
    let own: u32 = run.id.bytes().map(u32::from).sum();
    let mut parts: Vec<Part> = Vec::new();
    for (part, ..) in &score.values {
        if matches!(part, Part::All | Part::Group(_)) && !parts.contains(part) {
            parts.push(*part);
        }
    }
    let rows: Vec<(Part, i32)> = parts
        .iter()
        .flat_map(|part| (0..REPLICATES).map(|number| (*part, number)))
        .collect();
    let n = rows.len();
    let group = |part: Part| match part {
        Part::Group(group) => Some(group),
        _ => None,
    };
    let mut columns = df!(
        "run_id" => vec![run.id.as_str(); n], "checkpoint" => vec![score.epoch; n], "split" => vec!["test"; n],
        "group_id" => rows.iter().map(|(part, _)| group(*part)).collect::<Vec<_>>(),
        "attribution" => vec![run.attribution; n], "layer" => vec![score.layer; n],
        "replicate" => rows.iter().map(|(_, number)| *number).collect::<Vec<_>>(),
    )
    .unwrap();
    for (place, measure) in MEASURES.into_iter().enumerate() {
        let value = |(part, number): &(Part, i32)| {
            let mut values = score.values.iter();
            let (_, _, value) = values.find(|v| v.0 == *part && v.1 == measure)?;
            let shared = (f64::from(*number) * 1.7 + place as f64).sin() * 0.02;
            let own = (f64::from(*number) * 2.3 + f64::from(own)).sin() * 0.002;
            Some(value + shared + own)
        };
        let values: Vec<Option<f64>> = rows.iter().map(value).collect();
        columns
            .with_column(Column::new(measure.into(), values))
            .unwrap();
    }
    columns
}
