//! Defines [`Run`], a training run as `run.parquet` describes it, [`Epoch`], one of its epochs, and the
//! labels of runs in tables and figures.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use crate::format::number;
use crate::model::configuration::{Amount, Configuration, Layer, Variant};
use crate::model::loss::Loss;
use crate::model::names;

/// A training run: everything it was configured with, and what it took.
#[derive(Debug, Clone, PartialEq)]
pub struct Run {
    /// Its name in folders and tables: the hash of all that decides its result.
    pub run_id: String,
    /// Its name in the configuration file that it was trained by, for people; need not be unique.
    pub name: String,
    /// Data set.
    pub dataset: String,
    /// Provenance hash of the data folder: SHA-256 of what it was made from.
    pub data_inputs: String,
    /// The network, e.g. `resnet50`.
    pub backbone: String,
    /// Attribution method that was guided (in a baseline, validated).
    pub attribution: String,
    /// Names for people of its backbone, its loss and every attribution method, by their name in the tables.
    pub titles: BTreeMap<String, String>,
    /// Layer that was guided (in a baseline, validated).
    pub layer: String,
    /// Localization loss; `None` for a baseline, which is trained without guidance.
    pub loss: Option<Loss>,
    /// λ, the weight of the localization loss; `None` for a baseline.
    pub lambda: Option<f64>,
    /// Share of the training images whose boxes were used.
    pub annotated_fraction: f64,
    /// `box` or `segmentation`.
    pub annotation: String,
    /// Dilation of the boxes in training: the share of its width or height by which a box grows to each side.
    pub dilation: f64,
    /// Seed.
    pub seed: i64,
    /// Learning rate.
    pub learning_rate: f64,
    /// Batch size.
    pub batch_size: i32,
    /// Epochs configured.
    pub epochs: i32,
    /// The weights it starts from: `scratch` (random), `weights:<sha256>` or `run:<run id>@<epoch>`.
    pub init: String,
    /// The run that it starts from and is compared with; `None` if it starts from weights.
    pub baseline_run_id: Option<String>,
    /// The trainer's hash of all that decides a result but λ, seed, and which run and epoch it begins from.
    pub configuration: String,
    /// Network input height, pixels.
    pub input_height: i32,
    /// Network input width, pixels.
    pub input_width: i32,
    /// Training images.
    pub n_train: i64,
    /// Validation images.
    pub n_val: i64,
    /// The device it ran on.
    pub device: String,
    /// CPU threads.
    pub threads: i32,
    /// Wall-clock seconds of the whole run.
    pub seconds: f64,
    /// Program and version that trained it.
    pub program: String,
    /// The task it was trained for: `conventional` or `reversed`.
    pub task: String,
    /// `none` or `crop_flip`.
    pub augmentation: String,
    /// The precision of its training: `f32`, `tf32` or `bf16`.
    pub precision: String,
    /// The loss's own options, e.g. `exponent=0.5`; empty where it has none.
    pub loss_options: String,
    /// `adam` or `adamw`.
    pub optimizer: String,
    /// Its weight decay.
    pub weight_decay: f64,
    /// How the learning rate goes on after warm-up: `constant` or `cosine`.
    pub schedule: String,
    /// Steps of warm-up.
    pub warmup_steps: i64,
    /// `none`, or e.g. `metric=f1, patience=3`.
    pub early_stopping: String,
    /// `none`, or e.g. `brightness=0.4, hue=0.1`.
    pub color_jitter: String,
    /// How many classes an image shows: `multi`, any number (sigmoids), or `single`, exactly one (softmax).
    pub labels: String,
    /// What maps explain: `logit`, that of the class, or `contrast`, that minus the mean of the other classes'.
    pub explained: String,
    /// Epochs trained; `None` in a table of a version without early stopping, where it is all of them.
    pub epochs_trained: Option<i32>,
}

/// One row of `epochs.parquet`; metrics are fractions in [0, 1].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Epoch {
    /// The epoch; also the checkpoint's number.
    pub epoch: i32,
    /// Total training loss: classification loss + λ · localization loss.
    pub loss: f64,
    /// The classification part of the training loss.
    pub loss_class: f64,
    /// F1 on the validation split.
    pub val_f1: f64,
    /// EPG on the validation split.
    pub val_epg: f64,
    /// Wall-clock seconds, training and validation.
    pub seconds: f64,
    /// Whether the checkpoint was kept: no other epoch of the run dominates it in validation F1, EPG and IoU
    /// (docs/SPEC.md E.4), or, in a baseline, it has the highest validation F1.
    pub is_kept: bool,
}

impl Run {
    /// Whether it was trained without guidance.
    pub fn is_baseline(&self) -> bool {
        self.loss.is_none()
    }

    /// Its configuration, shared with runs that differ in λ and seed alone.
    pub fn configuration(&self) -> Configuration {
        Configuration {
            hash: self.configuration.clone(),
            attribution: self.attribution.clone(),
            layer: Layer::of(&self.layer),
            loss: self.loss.clone(),
            options: self.loss_options.clone(),
            variant: Variant {
                annotation: self.annotation.clone(),
                annotated_fraction: Amount(self.annotated_fraction),
                dilation: Amount(self.dilation),
            },
        }
    }

    /// Compares two runs for the order of table lines: baselines first, then by loss, λ, and the other properties
    /// in the order below; more annotations come before fewer.
    pub fn table_order(&self, other: &Self) -> Ordering {
        self.loss
            .cmp(&other.loss)
            .then(
                self.lambda
                    .unwrap_or(0.0)
                    .total_cmp(&other.lambda.unwrap_or(0.0)),
            )
            .then_with(|| self.loss_options.cmp(&other.loss_options))
            .then(self.dilation.total_cmp(&other.dilation))
            .then(other.annotated_fraction.total_cmp(&self.annotated_fraction))
            .then_with(|| self.annotation.cmp(&other.annotation))
            .then_with(|| names::layer_order(&self.layer).cmp(&names::layer_order(&other.layer)))
            .then_with(|| self.attribution.cmp(&other.attribution))
            .then(self.seed.cmp(&other.seed))
            .then_with(|| self.run_id.cmp(&other.run_id))
    }

    /// Returns an attribution method's name for people: the title in the run's table, or else ours.
    pub fn title<'a>(&'a self, attribution: &'a str) -> &'a str {
        let said = self.titles.get(attribution).map(String::as_str);
        said.unwrap_or_else(|| names::attribution(attribution))
    }

    /// Its label among runs scored through maps of `attribution` at `layer`: loss, weight, and the
    /// differences of its annotations from the default.
    pub fn label(&self, attribution: &str, layer: &str) -> String {
        let Some(loss) = &self.loss else {
            return "Baseline".to_owned();
        };
        let mut parts = vec![loss.with(&self.loss_options)];
        if let Some(lambda) = self.lambda {
            parts.push(format!("λ = {}", number(lambda)));
        }
        parts.extend(self.configuration().variant.departures());
        if self.attribution != attribution || self.layer != layer {
            let method = self.title(&self.attribution);
            parts.push(format!("guided {method} at {}", names::layer(&self.layer)));
        }
        parts.join(", ")
    }
}

/// Labels of `runs` in the same order, made distinct.
pub fn labels(runs: &[&Run], attribution: &str, layer: &str) -> Vec<String> {
    let plain = runs
        .iter()
        .map(|run| run.label(attribution, layer))
        .collect();
    distinct(runs, plain)
}

/// `labels` of `runs` made distinct: where two are alike, the seed is added; where they are still alike, the first
/// eight letters of the run id are added instead.
pub fn distinct(runs: &[&Run], labels: Vec<String>) -> Vec<String> {
    let seeded: Vec<String> = runs
        .iter()
        .zip(&labels)
        .map(|(run, label)| match count(&labels, label) {
            1 => label.clone(),
            _ => format!("{label}, seed {}", run.seed),
        })
        .collect();
    let named = runs
        .iter()
        .zip(&seeded)
        .zip(&labels)
        .map(
            |((run, with_seed), label)| match count(&seeded, with_seed) {
                1 => with_seed.clone(),
                _ => format!(
                    "{label}, run {}",
                    run.run_id.chars().take(8).collect::<String>()
                ),
            },
        );
    named.collect()
}

/// How many of `labels` are `label`.
fn count(labels: &[String], label: &str) -> usize {
    labels.iter().filter(|other| *other == label).count()
}
