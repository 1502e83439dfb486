//! Writes the scored logits into the evaluation's folder as `predictions.parquet`, where `evaluator
//! compare` reads them.

use std::path::Path;
use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray, Float32Array, Int32Array, StringArray};
use data_prep::dataset::Dataset;
use data_prep::table::{Provenance, TableWriter};

use super::cells::Predictions;
use super::table::PREDICTIONS;
use crate::error::Result;
use crate::evaluate::run_key::RunKey;
use crate::evaluate::tables::{i32s, texts_or_null};

/// Images per record batch of the table. Chosen: it limits the memory that writing takes.
const IMAGES_PER_BATCH: usize = 4096;

/// Writes logits to `path`, with the run columns of `key` and the data set's labels as targets.
///
/// # Errors
/// When the file cannot be written.
pub(crate) fn write(
    predictions: &Predictions,
    path: &Path,
    dataset: &Dataset,
    key: &RunKey,
    provenance: &Provenance,
) -> Result<()> {
    let n_classes = dataset.classes.len();
    let images: Vec<(usize, &Vec<f32>)> = dataset
        .indices(key.split)
        .into_iter()
        .zip(&predictions.logits)
        .filter(|(_, logits)| !logits.is_empty())
        .collect();
    let mut writer = TableWriter::create(path, &PREDICTIONS, provenance)?;
    for images in images.chunks(IMAGES_PER_BATCH) {
        let cells = || {
            images.iter().flat_map(|(index, logits)| {
                let image = &dataset.images[*index];
                (0..).zip(logits.iter()).map(move |cell| (image, cell))
            })
        };
        let n = images.len() * n_classes;
        let text = |text: &str| -> ArrayRef { texts_or_null(Some(text), n) };
        writer.write(&PREDICTIONS.batch(vec![
            text(&key.run_id),
            i32s(std::iter::repeat_n(Some(key.checkpoint), n)),
            text(key.split.as_ref()),
            Arc::new(StringArray::from_iter_values(
                cells().map(|(image, _)| &image.image_id),
            )),
            Arc::new(Int32Array::from_iter_values(
                cells().map(|(_, (class_id, _))| class_id),
            )),
            Arc::new(Float32Array::from_iter_values(
                cells().map(|(_, (_, &logit))| logit),
            )),
            Arc::new(BooleanArray::from_iter(cells().map(
                |(image, (class_id, _))| Some(image.labels.contains(&class_id)),
            ))),
            texts_or_null(key.precision.as_deref(), n),
        ])?)?;
    }
    Ok(writer.finish()?)
}
