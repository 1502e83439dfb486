//! Writes a run's configuration, the file that `trainer train --config` reads (docs/stages.md).

use std::path::{Path, PathBuf};

use anyhow::Result;
use serde::Serialize;

use crate::drive::recipe::{ColorJitter, EarlyStopping, Guidance, Loss, Run};

/// The keys of `run.toml`.
#[derive(Serialize)]
struct RunToml<'a> {
    name: &'a str,
    /// The name of one of the trainer's networks, or a weight file that has another.
    backbone: &'a Path,
    attribution: &'a str,
    layer: &'a str,
    task: &'a str,
    labels: Option<&'a str>,
    explained: Option<&'a str>,
    augmentation: &'a str,
    precision: &'a str,
    epochs: u32,
    learning_rate: f64,
    batch_size: u32,
    micro_batch: Option<u32>,
    seed: u64,
    optimizer: Option<&'a str>,
    weight_decay: Option<f64>,
    schedule: Option<&'a str>,
    warmup_steps: Option<u32>,
    warmup_epochs: Option<u32>,
    bcosify_epochs: Option<u32>,
    distillation: Option<f64>,
    // Tables from here on: TOML wants plain values before them.
    early_stopping: Option<&'a EarlyStopping>,
    color_jitter: Option<&'a ColorJitter>,
    init: Init,
    guidance: Option<GuidanceToml<'a>>,
}

/// The `[init]` table: which weights a run starts from.
#[derive(Serialize)]
#[serde(tag = "from", rename_all = "lowercase")]
pub(super) enum Init {
    /// Random weights.
    Scratch,
    /// A weight file.
    Weights { file: PathBuf },
    /// The best checkpoint of the run in this folder.
    Run { folder: PathBuf },
}

/// The `[guidance]` table.
#[derive(Serialize)]
struct GuidanceToml<'a> {
    lambda: f64,
    annotation: &'a str,
    annotated_fraction: f64,
    dilation: f64,
    /// The last field, because it may become a table, and TOML wants plain values before tables.
    loss: &'a Loss,
}

/// The text of the configuration of `run`, whose network is `backbone`, which starts from `init` and is guided
/// by `guidance`.
pub(super) fn of(
    run: &Run,
    backbone: &Path,
    guidance: Option<&Guidance>,
    init: Init,
) -> Result<String> {
    let config = RunToml {
        name: &run.name,
        backbone,
        attribution: &run.attribution,
        layer: &run.layer,
        task: &run.task,
        labels: run.labels.as_deref(),
        explained: run.explained.as_deref(),
        augmentation: &run.augmentation,
        precision: &run.precision,
        epochs: run.hyperparameters.epochs,
        learning_rate: run.hyperparameters.learning_rate,
        batch_size: run.hyperparameters.batch_size,
        micro_batch: run.micro_batch,
        seed: run.seed,
        optimizer: run.hyperparameters.optimizer.as_deref(),
        weight_decay: run.hyperparameters.weight_decay,
        schedule: run.hyperparameters.schedule.as_deref(),
        warmup_steps: run.hyperparameters.warmup_steps,
        warmup_epochs: run.hyperparameters.warmup_epochs,
        bcosify_epochs: run.hyperparameters.bcosify_epochs,
        distillation: run.hyperparameters.distillation,
        early_stopping: run.hyperparameters.early_stopping.as_ref(),
        color_jitter: run.color_jitter.as_ref(),
        init,
        guidance: guidance.map(|guidance| GuidanceToml {
            lambda: guidance.lambda,
            annotation: &guidance.annotation,
            annotated_fraction: guidance.annotated_fraction,
            dilation: guidance.dilation,
            loss: &guidance.loss,
        }),
    };
    Ok(toml::to_string(&config)?)
}
