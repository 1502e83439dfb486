//! Writes the table `predictions.parquet`, which holds the logit of every image and every class, a row each.
//! Converts such a logit to a probability.

use std::path::Path;
use std::sync::Arc;

use arrow::array::{BooleanArray, Float32Array, Int32Array, StringArray};
use data_prep::dataset::{Labels, Split};
use data_prep::table::{Provenance, TableWriter};
use evaluator::evaluate::{LABELS_KEY, PREDICTIONS};

use crate::error::Result;
use crate::names::Precision;
use crate::run::schema::PROGRAM;

/// Returns the probability that a class is on an image: the sigmoid of its logit (docs/SPEC.md K). For a network
/// trained with softmax, `logit` must be the log-odds that tables hold (A.1), not the network's own output.
pub fn probability(logit: f32) -> f64 {
    1.0 / (1.0 + (-f64::from(logit)).exp())
}

/// Which network and images the logits in a table are of: values that are the same in every row.
#[derive(Clone, Debug)]
pub struct Predicted {
    /// The id of the run.
    pub run_id: String,
    /// The epoch whose weights were used.
    pub checkpoint: i32,
    /// The split of the images.
    pub split: Split,
    /// The precision the logits were computed in.
    pub precision: Precision,
    /// Whether an image shows any number of classes or exactly one.
    pub labels: Labels,
    /// Images in a forward pass; the last bits of the logits depend on it.
    pub batch_size: usize,
}

/// Writes `predictions.parquet` batch by batch.
pub struct PredictionsWriter {
    writer: TableWriter,
    of: Predicted,
}

impl PredictionsWriter {
    /// Begins the table. `inputs` is the data folder's hash. The metadata says the kind of labels only where
    /// images show exactly one class.
    ///
    /// # Errors
    /// The disk's.
    pub fn create(path: &Path, inputs: &str, of: Predicted) -> Result<Self> {
        let mut provenance =
            Provenance::new(PROGRAM, inputs).with("guidance.batch_size", of.batch_size.to_string());
        if !of.labels.are_multi() {
            provenance = provenance.with(LABELS_KEY, of.labels.to_string());
        }
        let writer = TableWriter::create(path, &PREDICTIONS, &provenance)?;
        Ok(PredictionsWriter { writer, of })
    }

    /// Adds the rows of N images, given as (image id, the classes it shows), and their `logits` (N·K,
    /// row-major).
    ///
    /// # Errors
    /// The disk's.
    pub fn write(&mut self, images: &[(&str, &[i32])], logits: &[f32]) -> Result<()> {
        let n_classes = logits.len() / images.len().max(1);
        let same = |text: String| Arc::new(StringArray::from(vec![text; logits.len()]));
        let cells = || {
            images
                .iter()
                .flat_map(|image| (0..n_classes as i32).map(move |class_id| (image, class_id)))
        };
        let batch = PREDICTIONS.batch(vec![
            same(self.of.run_id.clone()),
            Arc::new(Int32Array::from(vec![self.of.checkpoint; logits.len()])),
            same(self.of.split.to_string()),
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
            same(self.of.precision.to_string()),
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
