//! Writes and reads the table `epochs.parquet` of a run (one training), which has one row for each finished epoch:
//! its mean losses, its duration and its validation metrics.

use std::path::Path;
use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray, Float64Array, Int32Array, StringArray};
use data_prep::table::{Provenance, column, read_table, write_table};

use crate::error::Result;
use crate::run::pareto::Candidate;
use crate::run::schema::{EPOCHS, PROGRAM};

/// A row of `epochs`.
#[derive(Clone, Debug, PartialEq)]
pub struct EpochRow {
    /// The number of the epoch, from 1.
    pub epoch: i32,
    /// Mean over steps of the total loss. Steps left out for a non-finite value are in no mean.
    pub loss: f64,
    /// Mean over steps of the classification loss (binary cross-entropy, or softmax and cross-entropy).
    pub loss_class: f64,
    /// Mean over annotated images of the localization loss, not multiplied by λ; 0 in a baseline (a run without
    /// that loss).
    pub loss_localization: f64,
    /// The learning rate of the epoch's last step.
    pub learning_rate: f64,
    /// Seconds of training and validation.
    pub seconds: f64,
    /// Images per second in training, without validation.
    pub images_per_second: f64,
    /// Micro F1, 0–1.
    pub val_f1: f64,
    /// Macro mAP (mean of the classes' average precision), 0–1.
    pub val_map: f64,
    /// Mean over (image, class) pairs of EPG, the share of a map's positive attribution inside the boxes, 0–1; an
    /// undefined one counts as 0.
    pub val_epg: f64,
    /// Mean over the same pairs of the IoU of boxes and map, which is scaled to 0–1 and cut at 0.5; 0–1.
    pub val_iou: f64,
    /// Whether the checkpoint is kept: the epoch is in the Pareto front of (F1, EPG, IoU), or, in a baseline, has
    /// the highest F1. The column is called `is_pareto`.
    pub is_kept: bool,
}

impl EpochRow {
    /// The number of fields of a row.
    pub const WIDTH: usize = 12;

    /// Returns the row as numbers, in the order of its fields. Saved states hold rows in this form.
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
            f64::from(u8::from(self.is_kept)),
        ]
    }

    /// Returns the row that [`EpochRow::to_numbers`] made these numbers of.
    pub fn from_numbers(numbers: [f64; Self::WIDTH]) -> Self {
        let [epoch, loss, loss_class, loss_localization, ..] = numbers;
        let [_, _, _, _, learning_rate, seconds, images_per_second, ..] = numbers;
        let [.., val_f1, val_map, val_epg, val_iou, is_kept] = numbers;
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
            is_kept: is_kept != 0.0,
        }
    }
}

/// Writes `epochs.parquet` of the run `run_id`, trained on the data `data_inputs`.
///
/// # Errors
/// The disk's.
pub fn write(path: &Path, run_id: &str, data_inputs: &str, rows: &[EpochRow]) -> Result<()> {
    let numbers = |get: fn(&EpochRow) -> f64| -> ArrayRef {
        Arc::new(rows.iter().map(get).collect::<Float64Array>())
    };
    let batch = EPOCHS.batch(vec![
        Arc::new(StringArray::from(vec![run_id; rows.len()])),
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
            rows.iter().map(|row| row.is_kept).collect::<Vec<_>>(),
        )),
    ])?;
    Ok(write_table(
        path,
        &EPOCHS,
        &Provenance::new(PROGRAM, data_inputs),
        &batch,
    )?)
}

/// Reads `epochs.parquet`.
///
/// # Errors
/// A file that is not this table.
pub fn read(path: &Path) -> Result<Vec<EpochRow>> {
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
            is_kept: column::<BooleanArray>(&batch, "is_pareto").value(row),
        })
        .collect())
}

/// Returns the validation metrics by which epochs are compared when checkpoints are chosen.
pub fn candidates(epochs: &[EpochRow]) -> Vec<Candidate> {
    epochs
        .iter()
        .map(|row| Candidate {
            epoch: row.epoch,
            f1: row.val_f1,
            epg: row.val_epg,
            iou: row.val_iou,
        })
        .collect()
}
