//! The trainer's tables: `run`, `epochs` and `predictions` (columns in ARCHITECTURE.md).

use std::path::Path;
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, BooleanArray, Float32Array, Float64Array, Int32Array, Int64Array, StringArray,
    new_null_array,
};
use arrow::datatypes::DataType;
use data_prep::table::{
    Kind, Provenance, TableSpec, TableWriter, column, nullable, read_table, required, write_table,
};

use crate::config::ResolvedRun;
use crate::error::Result;
use crate::names::Annotation;

/// What writes these tables.
pub const PROGRAM: &str = concat!("trainer ", env!("CARGO_PKG_VERSION"));

/// The configuration of a run, flattened.
pub const RUN: TableSpec = TableSpec {
    name: "run",
    version: 2,
    columns: &[
        required("run_id", Kind::Utf8),
        required("name", Kind::Utf8),
        required("dataset", Kind::Utf8),
        required("data_inputs", Kind::Utf8),
        required("backbone", Kind::Utf8),
        required("attribution", Kind::Utf8),
        required("layer", Kind::Utf8),
        nullable("loss", Kind::Utf8),
        nullable("lambda", Kind::F64),
        required("annotated_fraction", Kind::F64),
        required("annotation", Kind::Utf8),
        required("dilation", Kind::F64),
        nullable("area_exponent", Kind::F64),
        required("task", Kind::Utf8),
        required("augmentation", Kind::Utf8),
        required("precision", Kind::Utf8),
        required("seed", Kind::I64),
        required("learning_rate", Kind::F64),
        required("batch_size", Kind::I32),
        required("epochs", Kind::I32),
        required("init", Kind::Utf8),
        nullable("baseline_run_id", Kind::Utf8),
        required("input_height", Kind::I32),
        required("input_width", Kind::I32),
        required("n_train", Kind::I64),
        required("n_val", Kind::I64),
        required("device", Kind::Utf8),
        required("threads", Kind::I32),
        required("seconds", Kind::F64),
        required("program", Kind::Utf8),
    ],
};

/// One row per epoch.
pub const EPOCHS: TableSpec = TableSpec {
    name: "epochs",
    version: 1,
    columns: &[
        required("run_id", Kind::Utf8),
        required("epoch", Kind::I32),
        required("loss", Kind::F64),
        required("loss_class", Kind::F64),
        required("loss_localization", Kind::F64),
        required("learning_rate", Kind::F64),
        required("seconds", Kind::F64),
        required("images_per_second", Kind::F64),
        required("val_f1", Kind::F64),
        required("val_map", Kind::F64),
        required("val_epg", Kind::F64),
        required("val_iou", Kind::F64),
        required("is_pareto", Kind::Bool),
    ],
};

/// One row per image and class.
pub const PREDICTIONS: TableSpec = TableSpec {
    name: "predictions",
    version: 2,
    columns: &[
        required("run_id", Kind::Utf8),
        required("checkpoint", Kind::I32),
        required("split", Kind::Utf8),
        required("image_id", Kind::Utf8),
        required("class_id", Kind::I32),
        required("logit", Kind::F32),
        required("target", Kind::Bool),
        nullable("precision", Kind::Utf8),
    ],
};

/// A row of `epochs`.
#[derive(Clone, Debug, PartialEq)]
pub struct EpochRow {
    /// From 1.
    pub epoch: i32,
    /// Mean over steps of the total loss.
    pub loss: f64,
    /// Mean over steps of the binary cross-entropy.
    pub loss_class: f64,
    /// Mean over annotated images of the localization loss, before λ; 0 in a baseline.
    pub loss_localization: f64,
    /// Of this epoch.
    pub learning_rate: f64,
    /// Training and validation.
    pub seconds: f64,
    /// Training alone.
    pub images_per_second: f64,
    /// Micro F1, 0–1.
    pub val_f1: f64,
    /// Macro mAP, 0–1.
    pub val_map: f64,
    /// Mean EPG, undefined as 0.
    pub val_epg: f64,
    /// Mean IoU at 0.5.
    pub val_iou: f64,
    /// Whether the checkpoint is kept.
    pub is_pareto: bool,
}

impl EpochRow {
    /// How many numbers make a row.
    pub const WIDTH: usize = 12;

    /// The row as numbers, in the order of its fields.
    pub fn to_numbers(&self) -> [f64; Self::WIDTH] {
        [
            f64::from(self.epoch),
            self.loss,
            self.loss_class,
            self.loss_localization,
            self.learning_rate,
            self.seconds,
            self.images_per_second,
            self.val_f1,
            self.val_map,
            self.val_epg,
            self.val_iou,
            f64::from(u8::from(self.is_pareto)),
        ]
    }

    /// The row of such numbers.
    pub fn from_numbers(numbers: [f64; Self::WIDTH]) -> Self {
        let [epoch, loss, loss_class, loss_localization, ..] = numbers;
        let [_, _, _, _, learning_rate, seconds, images_per_second, ..] = numbers;
        let [.., val_f1, val_map, val_epg, val_iou, is_pareto] = numbers;
        EpochRow {
            epoch: epoch as i32,
            loss,
            loss_class,
            loss_localization,
            learning_rate,
            seconds,
            images_per_second,
            val_f1,
            val_map,
            val_epg,
            val_iou,
            is_pareto: is_pareto != 0.0,
        }
    }
}

/// Facts about a finished run that its configuration does not hold.
#[derive(Clone, Debug)]
pub struct RunFacts {
    /// Input (height, width).
    pub input: (usize, usize),
    /// Training images.
    pub n_train: usize,
    /// Validation images.
    pub n_val: usize,
    /// The device's name.
    pub device: String,
    /// CPU threads of libtorch.
    pub threads: i32,
    /// Of all epochs.
    pub seconds: f64,
}

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

/// Writes `run.parquet`, the last file of a run folder.
///
/// # Errors
/// The disk's.
pub fn write_run(path: &Path, run: &ResolvedRun, facts: &RunFacts) -> Result<()> {
    let (config, guidance) = (&run.config, run.config.guidance.as_ref());
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
        number(guidance.and_then(|g| g.area_exponent)),
        text(config.task.to_string()),
        text(config.augmentation.to_string()),
        text(config.precision.to_string()),
        long(config.seed as i64),
        number(config.learning_rate),
        int(config.batch_size as i32),
        int(config.epochs),
        text(&run.init),
        optional_text(run.baseline_run_id.clone()),
        int(facts.input.0 as i32),
        int(facts.input.1 as i32),
        long(facts.n_train as i64),
        long(facts.n_val as i64),
        text(&facts.device),
        int(facts.threads),
        number(facts.seconds),
        text(PROGRAM),
    ])?;
    let provenance = Provenance::new(PROGRAM, &run.data_inputs);
    Ok(write_table(path, &RUN, &provenance, &batch)?)
}

/// Writes `epochs.parquet`.
///
/// # Errors
/// The disk's.
pub fn write_epochs(path: &Path, run: &ResolvedRun, rows: &[EpochRow]) -> Result<()> {
    let numbers = |get: fn(&EpochRow) -> f64| -> ArrayRef {
        Arc::new(rows.iter().map(get).collect::<Float64Array>())
    };
    let batch = EPOCHS.batch(vec![
        Arc::new(StringArray::from(vec![run.run_id.as_str(); rows.len()])),
        Arc::new(rows.iter().map(|row| row.epoch).collect::<Int32Array>()),
        numbers(|row| row.loss),
        numbers(|row| row.loss_class),
        numbers(|row| row.loss_localization),
        numbers(|row| row.learning_rate),
        numbers(|row| row.seconds),
        numbers(|row| row.images_per_second),
        numbers(|row| row.val_f1),
        numbers(|row| row.val_map),
        numbers(|row| row.val_epg),
        numbers(|row| row.val_iou),
        Arc::new(BooleanArray::from(
            rows.iter().map(|row| row.is_pareto).collect::<Vec<_>>(),
        )),
    ])?;
    Ok(write_table(
        path,
        &EPOCHS,
        &Provenance::new(PROGRAM, &run.data_inputs),
        &batch,
    )?)
}

/// Reads `epochs.parquet`.
///
/// # Errors
/// A file that is not this table.
pub fn read_epochs(path: &Path) -> Result<Vec<EpochRow>> {
    let (_, batch) = read_table(path, &EPOCHS)?;
    let number = |name: &str, row: usize| column::<Float64Array>(&batch, name).value(row);
    Ok((0..batch.num_rows())
        .map(|row| EpochRow {
            epoch: column::<Int32Array>(&batch, "epoch").value(row),
            loss: number("loss", row),
            loss_class: number("loss_class", row),
            loss_localization: number("loss_localization", row),
            learning_rate: number("learning_rate", row),
            seconds: number("seconds", row),
            images_per_second: number("images_per_second", row),
            val_f1: number("val_f1", row),
            val_map: number("val_map", row),
            val_epg: number("val_epg", row),
            val_iou: number("val_iou", row),
            is_pareto: column::<BooleanArray>(&batch, "is_pareto").value(row),
        })
        .collect())
}

/// Writes `predictions.parquet` batch by batch.
pub struct PredictionsWriter {
    writer: TableWriter,
    columns: (String, i32, String),
}

impl PredictionsWriter {
    /// Begins the table for one run, checkpoint and split.
    ///
    /// # Errors
    /// The disk's.
    pub fn create(
        path: &Path,
        inputs: &str,
        run_id: &str,
        checkpoint: i32,
        split: &str,
    ) -> Result<Self> {
        let writer = TableWriter::create(path, &PREDICTIONS, &Provenance::new(PROGRAM, inputs))?;
        Ok(PredictionsWriter {
            writer,
            columns: (run_id.to_owned(), checkpoint, split.to_owned()),
        })
    }

    /// Adds images: their ids, logits (N·K, row-major) and positive classes.
    ///
    /// # Errors
    /// The disk's.
    pub fn write(&mut self, images: &[(&str, &[i32])], logits: &[f32]) -> Result<()> {
        let n_classes = logits.len() / images.len().max(1);
        let (run_id, checkpoint, split) = &self.columns;
        let cells = || {
            images
                .iter()
                .flat_map(|image| (0..n_classes as i32).map(move |class_id| (image, class_id)))
        };
        let batch = PREDICTIONS.batch(vec![
            Arc::new(StringArray::from(vec![run_id.as_str(); logits.len()])),
            Arc::new(Int32Array::from(vec![*checkpoint; logits.len()])),
            Arc::new(StringArray::from(vec![split.as_str(); logits.len()])),
            Arc::new(StringArray::from_iter_values(
                cells().map(|((image_id, _), _)| *image_id),
            )),
            Arc::new(Int32Array::from_iter_values(
                cells().map(|(_, class_id)| class_id),
            )),
            Arc::new(Float32Array::from(logits.to_vec())),
            Arc::new(BooleanArray::from(
                cells()
                    .map(|((_, labels), class_id)| labels.contains(&class_id))
                    .collect::<Vec<_>>(),
            )),
            new_null_array(&DataType::Utf8, logits.len()),
        ])?;
        Ok(self.writer.write(&batch)?)
    }

    /// Ends the table and gives the file its name.
    ///
    /// # Errors
    /// The disk's.
    pub fn finish(self) -> Result<()> {
        Ok(self.writer.finish()?)
    }
}

/// One text cell of a one-row table.
pub(crate) fn text_cell(batch: &arrow::array::RecordBatch, name: &str) -> Option<String> {
    let cells = column::<StringArray>(batch, name);
    cells.is_valid(0).then(|| cells.value(0).to_owned())
}
