//! Writes the table `run.parquet` of a run (one training). Its one row has the run's configuration and facts about
//! the training. It is written last, so its presence says that the run is finished; later programs read it. What the
//! columns mean is said in `data-prep/schemas.toml`, from which docs/schemas.md is made.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use arrow::array::{ArrayRef, Float64Array, Int32Array, Int64Array, StringArray};
use data_prep::table::{Provenance, write_table};

use crate::error::Result;
use crate::explain::attribution::Attribution;
use crate::names::{Annotation, Precision};
use crate::run::config::{Guidance, RunConfig};
use crate::run::resolved::ResolvedRun;
use crate::run::schema::{PROGRAM, RUN};
use crate::train::adam::WeightDecay;

/// Facts about a finished run that are not in its configuration.
#[derive(Clone, Debug)]
pub struct RunFacts {
    /// The precision it was computed in: float32 where TF32 was asked for and the device has none.
    pub precision: Precision,
    /// Height and width of the images that the network is given, in pixels.
    pub input: (usize, usize),
    /// The number of training images.
    pub n_train: usize,
    /// The number of validation images.
    pub n_val: usize,
    /// The device's name.
    pub device: String,
    /// CPU threads of libtorch.
    pub threads: i32,
    /// Seconds of all epochs, validation included, also of those before the run was stopped and resumed.
    pub seconds: f64,
    /// Steps (batches) in which the learning rate rose to its full height.
    pub warmup_steps: usize,
    /// Epochs that it was trained; with early stopping perhaps fewer than the configuration has.
    pub epochs: usize,
}

// Each of these makes a column with one cell.

fn text(value: impl Into<String>) -> ArrayRef {
    Arc::new(StringArray::from(vec![value.into()]))
}

fn optional_text(value: Option<String>) -> ArrayRef {
    Arc::new(StringArray::from(vec![value]))
}

fn number(value: impl Into<Option<f64>>) -> ArrayRef {
    Arc::new(Float64Array::from(vec![value.into()]))
}

fn int(value: i32) -> ArrayRef {
    Arc::new(Int32Array::from(vec![value]))
}

fn long(value: i64) -> ArrayRef {
    Arc::new(Int64Array::from(vec![value]))
}

/// Returns the localization loss's options, such as `exponent=0.5`, sorted by name (a test holds the losses to that)
/// and joined by commas; `None` without options.
fn loss_options(guidance: &Guidance) -> Option<String> {
    let options = guidance.loss.options();
    let options: Vec<String> = options
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    (!options.is_empty()).then(|| options.join(", "))
}

/// The text of something optional, or `none`; such a column is never null.
fn or_none(option: Option<impl ToString>) -> ArrayRef {
    text(option.map_or_else(|| "none".to_owned(), |option| option.to_string()))
}

/// Returns a JSON object that maps names as tables spell them to the names that reports show (`ixg` to
/// `IxG`): of the run's backbone and loss, and of every attribution method, because the run may be
/// explained with any of them later. The report is made by a program that does not know the trainer's lists.
fn titles(config: &RunConfig) -> String {
    let loss = config.guidance.as_ref().map(|g| g.loss.loss());
    let backbone = config.backbone.to_string();
    let mut titles = BTreeMap::from([(backbone.as_str(), config.backbone.title)]);
    titles.extend(Attribution::ALL.iter().map(|m| (m.name, m.title)));
    titles.extend(loss.map(|loss| (loss.name, loss.title)));
    serde_json::json!(titles).to_string()
}

/// Writes `run.parquet`, the last file of a run folder.
///
/// # Errors
/// The disk's.
pub fn write(path: &Path, run: &ResolvedRun, facts: &RunFacts) -> Result<()> {
    // A run without guidance, a baseline, has no loss and λ (null), and of the annotations' columns those that say that
    // no boxes were used.
    let (config, guidance) = (&run.config, run.config.guidance.as_ref());
    let (WeightDecay::L2(decay) | WeightDecay::Decoupled(decay)) = config.decay();
    // In the order of the columns of `RUN`.
    let batch = RUN.batch(vec![
        text(&run.run_id),
        text(&config.name),
        text(&run.dataset),
        text(&run.data_inputs),
        text(config.backbone.to_string()),
        text(config.attribution.to_string()),
        text(config.layer.to_string()),
        optional_text(guidance.map(|g| g.loss.to_string())),
        number(guidance.map(|g| g.lambda)),
        number(guidance.map_or(0.0, |g| g.annotated_fraction)),
        text(
            guidance
                .map_or(Annotation::Box, |g| g.annotation)
                .to_string(),
        ),
        number(guidance.map_or(0.0, |g| g.dilation)),
        optional_text(guidance.and_then(loss_options)),
        text(config.task.to_string()),
        text(config.augmentation.to_string()),
        text(facts.precision.to_string()),
        long(config.seed as i64),
        number(config.learning_rate),
        int(config.batch_size as i32),
        int(config.epochs),
        text(&run.init),
        optional_text(
            run.baseline
                .as_ref()
                .map(|baseline| baseline.run_id.clone()),
        ),
        text(run.configuration(facts.precision)),
        int(facts.input.0 as i32),
        int(facts.input.1 as i32),
        long(facts.n_train as i64),
        long(facts.n_val as i64),
        text(&facts.device),
        int(facts.threads),
        number(facts.seconds),
        text(PROGRAM),
        text(config.optimizer.to_string()),
        number(decay),
        text(config.schedule.to_string()),
        long(facts.warmup_steps as i64),
        or_none(config.early_stopping),
        or_none(config.color_jitter),
        int(facts.epochs as i32),
        text(config.labels.to_string()),
        text(config.explained.to_string()),
    ])?;
    let provenance =
        Provenance::new(PROGRAM, &run.data_inputs).with("guidance.titles", titles(config));
    Ok(write_table(path, &RUN, &provenance, &batch)?)
}
