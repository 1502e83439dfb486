//! The table `predictions.parquet` that `trainer predict` writes of images without annotations: a row for each
//! image and class, with the logit, its probability and whether the class is predicted.

use std::path::Path;
use std::sync::{Arc, LazyLock};

use arrow::array::{BooleanArray, Float32Array, Float64Array, Int32Array, StringArray};
use data_prep::dataset::Labels;
use data_prep::source::photos::Photo;
use data_prep::table::{Provenance, TableSpec, TableWriter};
use evaluator::metrics::pooled::{decided, is_predicted};

use crate::error::Result;
use crate::explain::predictions::probability;

/// The table.
pub static PREDICTED: LazyLock<TableSpec> = LazyLock::new(|| TableSpec::declared("predicted"));

/// Writes the table batch by batch.
pub struct PredictedWriter<'a> {
    writer: TableWriter,
    classes: &'a [String],
    labels: Labels,
}

impl<'a> PredictedWriter<'a> {
    /// Begins the table at `path`, for a network with these classes. `labels` says whether an image shows any
    /// number of them or exactly one, which decides what is predicted.
    ///
    /// # Errors
    /// The disk's.
    pub fn create(
        path: &Path,
        classes: &'a [String],
        labels: Labels,
        provenance: &Provenance,
    ) -> Result<Self> {
        let writer = TableWriter::create(path, &PREDICTED, provenance)?;
        Ok(Self {
            writer,
            classes,
            labels,
        })
    }

    /// Adds the rows of N images with their `logits` of K classes (N·K, row-major). Those of a network for exactly
    /// one class must be log-odds.
    ///
    /// # Errors
    /// The disk's.
    pub fn write(&mut self, photos: &[&Photo], logits: &[f32]) -> Result<()> {
        let k = self.classes.len();
        let of_images = |text: fn(&Photo) -> &str| {
            let cells = photos
                .iter()
                .flat_map(|photo| std::iter::repeat_n(text(photo), k));
            Arc::new(StringArray::from_iter_values(cells))
        };
        let decided = |of_image| decided(of_image, self.labels).into_owned();
        let decided: Vec<f32> = logits.chunks(k).flat_map(decided).collect();
        let class_ids = photos.iter().flat_map(|_| 0..k as i32);
        let class_names = photos.iter().flat_map(|_| self.classes);
        let batch = PREDICTED.batch(vec![
            of_images(|photo| &photo.name),
            of_images(|photo| &photo.image_id),
            Arc::new(Int32Array::from_iter_values(class_ids)),
            Arc::new(StringArray::from_iter_values(class_names)),
            Arc::new(Float32Array::from(logits.to_vec())),
            Arc::new(Float64Array::from_iter_values(
                logits.iter().map(|&logit| probability(logit)),
            )),
            Arc::new(BooleanArray::from_iter(
                decided.iter().map(|&logit| Some(is_predicted(logit))),
            )),
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
