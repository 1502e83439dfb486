//! Writes a run's configuration (`run.toml`) for the trainer.

use std::path::PathBuf;

use anyhow::Result;
use serde::Serialize;

use crate::drive::recipe::{Loss, Run};

#[derive(Serialize)]
struct RunToml<'a> {
    name: &'a str,
    backbone: &'a str,
    attribution: &'a str,
    layer: &'a str,
    task: &'a str,
    augmentation: &'a str,
    precision: &'a str,
    epochs: u32,
    learning_rate: f64,
    batch_size: u32,
    micro_batch: Option<u32>,
    seed: u64,
    init: Init,
    guidance: Option<GuidanceToml<'a>>,
}

/// Where its weights come from.
#[derive(Serialize)]
#[serde(tag = "from", rename_all = "lowercase")]
pub(super) enum Init {
    Scratch,
    Weights { file: PathBuf },
    Run { folder: PathBuf },
}

#[derive(Serialize)]
struct GuidanceToml<'a> {
    lambda: f64,
    annotation: &'a str,
    annotated_fraction: f64,
    dilation: f64,
    /// Last, as it may be a table.
    loss: &'a Loss,
}

/// The configuration of `run`, which starts from `init`.
pub(super) fn of(run: &Run, init: Init) -> Result<String> {
    let config = RunToml {
        name: &run.name,
        backbone: &run.backbone,
        attribution: &run.attribution,
        layer: &run.layer,
        task: &run.task,
        augmentation: &run.augmentation,
        precision: &run.precision,
        epochs: run.length.epochs,
        learning_rate: run.length.learning_rate,
        batch_size: run.length.batch_size,
        micro_batch: run.micro_batch,
        seed: run.seed,
        init,
        guidance: run.guidance.as_ref().map(|guidance| GuidanceToml {
            lambda: guidance.lambda,
            annotation: &guidance.annotation,
            annotated_fraction: guidance.annotated_fraction,
            dilation: guidance.dilation,
            loss: &guidance.loss,
        }),
    };
    Ok(toml::to_string(&config)?)
}
