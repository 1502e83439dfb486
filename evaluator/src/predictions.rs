//! Logits of a split, one per image and class, from our trainer's `predictions.parquet` or any other
//! tool's file with image_id, class_id and logit.
//!
//! Targets are the data set's labels; a `target` column that says otherwise is an error, as are
//! another run's predictions. What the columns say beyond that is read in `rows`, also for
//! [`crate::compare`]; what is odd about the values is said by `warnings`.

mod rows;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, BooleanArray, Float32Array, Int32Array, StringArray};
use data_prep::dataset::{Dataset, Split};
use data_prep::record::Fingerprint;
use data_prep::table::{Kind, Provenance, TableSpec, TableWriter, nullable, required};

use crate::columnar::Source;
use crate::error::{Error, Result};
use crate::maps::RunColumns;
use crate::pairs::image_of;
use crate::tables::{RunKey, i32s, texts_or_null};

pub(crate) use rows::{Belonging, Rows};

/// The columns of `predictions.parquet`.
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

/// Images per record batch of a table.
const IMAGES_PER_BATCH: usize = 4096;

/// Whether images or pairs of the split may be absent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Missing {
    /// An error.
    Refused,
    /// Reported and left out.
    LeftOut,
}

/// The logits of a split's images.
#[derive(Debug, Clone, PartialEq)]
pub struct Predictions {
    /// The file.
    pub path: PathBuf,
    /// Per image of the split, in the order of `Dataset::indices`: one logit per class; empty where
    /// the image was left out.
    pub logits: Vec<Vec<f32>>,
    /// What the file says it is of.
    pub columns: RunColumns,
    /// [`fingerprint`] of the logits.
    pub fingerprint: String,
}

/// Reads the logits of the images of one `split` of `dataset`.
///
/// # Errors
/// When the file is broken, a column is missing or of another type, a row is of an unknown image,
/// class or split, repeated, not finite or against the labels, when it is of several runs or of another
/// one than `maps_of`, or when classes of an image are absent (with [`Missing::LeftOut`] an image may be
/// absent as a whole).
pub fn read(
    source: &Source,
    dataset: &Dataset,
    split: Split,
    maps_of: &RunColumns,
    missing: Missing,
) -> Result<Predictions> {
    let expected = RunColumns {
        split: Some(split),
        task: Some(maps_of.task.unwrap_or_default()),
        ..maps_of.clone()
    };
    let mut rows = Rows::open(source, Belonging::new(&expected, "in the maps"))?;
    let mut cells = Cells::new(dataset, split, source.path());
    while let Some(batch) = rows.next_batch()? {
        for i in 0..batch.image_ids.len() {
            let target = batch.targets.as_ref().map(|targets| targets.value(i));
            cells.set(
                batch.image_ids.value(i),
                batch.class_ids.value(i),
                batch.logits.value(i),
                target,
            )?;
        }
    }
    cells.finish(missing, rows.columns())
}

/// SHA-256 of the logits of images in the order of their ids, one per class in the classes' order.
pub(crate) fn fingerprint<'a>(
    images: impl IntoIterator<Item = (&'a str, impl IntoIterator<Item = f32>)>,
) -> String {
    let mut fingerprint = Fingerprint::default();
    for (image_id, logits) in images {
        let bytes: Vec<u8> = logits.into_iter().flat_map(f32::to_le_bytes).collect();
        fingerprint.add(image_id, &bytes);
    }
    fingerprint.hex()
}

impl Predictions {
    /// Writes them as `predictions.parquet` of the evaluation `key`, with the data set's targets.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn write(
        &self,
        path: &Path,
        dataset: &Dataset,
        key: &RunKey,
        provenance: &Provenance,
    ) -> Result<()> {
        let n_classes = dataset.classes.len();
        let images: Vec<(usize, &Vec<f32>)> = dataset
            .indices(key.split)
            .into_iter()
            .zip(&self.logits)
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
                text(key.split.as_str()),
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
}

/// The images × classes of a split, filled while rows arrive.
struct Cells<'a> {
    dataset: &'a Dataset,
    split: Split,
    path: PathBuf,
    image_of: HashMap<&'a str, usize>,
    indices: Vec<usize>,
    /// Place of an image in `indices`.
    position: HashMap<usize, usize>,
    /// NaN stands for a cell not read yet: no value in a file may be NaN.
    logits: Vec<Vec<f32>>,
    row: u64,
}

impl<'a> Cells<'a> {
    fn new(dataset: &'a Dataset, split: Split, path: &Path) -> Self {
        let indices = dataset.indices(split);
        Self {
            dataset,
            split,
            path: path.to_owned(),
            image_of: image_of(dataset),
            position: indices.iter().copied().zip(0..).collect(),
            logits: vec![vec![f32::NAN; dataset.classes.len()]; indices.len()],
            indices,
            row: 0,
        }
    }

    /// Takes the next row.
    fn set(
        &mut self,
        image_id: &str,
        class_id: i32,
        logit: f32,
        target: Option<bool>,
    ) -> Result<()> {
        let wrong = |field: &'static str, found: String, expected: String| {
            Err(Error::Row {
                path: self.path.clone(),
                row: self.row,
                field,
                found,
                expected,
            })
        };
        let Some(&index) = self.image_of.get(image_id) else {
            let expected = format!("an image_id of {}", self.dataset.dir().display());
            return wrong("image_id", format!("{image_id:?}"), expected);
        };
        let image = &self.dataset.images[index];
        let Some(&position) = self.position.get(&index) else {
            let found = format!("{image_id:?} of split {}", image.split);
            return wrong(
                "image_id",
                found,
                format!("an image of split {}", self.split),
            );
        };
        let n_classes = self.dataset.classes.len();
        let Some(class) = usize::try_from(class_id)
            .ok()
            .filter(|&class| class < n_classes)
        else {
            let found = format!("{class_id} on image {image_id}");
            return wrong("class_id", found, format!("0 to {}", n_classes as i64 - 1));
        };
        let cell = format!("image {image_id} class {class_id}");
        if !logit.is_finite() {
            return wrong(
                "logit",
                format!("{logit} for {cell}"),
                "a finite value".to_owned(),
            );
        }
        let label = image.labels.binary_search(&class_id).is_ok();
        if let Some(target) = target.filter(|&target| target != label) {
            let expected = format!("{label} as in labels.parquet");
            return wrong("target", format!("{target} for {cell}"), expected);
        }
        if !self.logits[position][class].is_nan() {
            return wrong(
                "class_id",
                format!("{cell} again"),
                "each cell once".to_owned(),
            );
        }
        self.logits[position][class] = logit;
        self.row += 1;
        Ok(())
    }

    fn finish(mut self, missing: Missing, columns: RunColumns) -> Result<Predictions> {
        if missing == Missing::LeftOut {
            let absent = |image: &&mut Vec<f32>| image.iter().all(|logit| logit.is_nan());
            self.logits.iter_mut().filter(absent).for_each(Vec::clear);
        }
        let cells = self
            .logits
            .iter()
            .zip(&self.indices)
            .flat_map(|(image, &index)| {
                image
                    .iter()
                    .enumerate()
                    .map(move |(class, logit)| (index, class, logit))
            });
        let mut absent = cells.filter(|(_, _, logit)| logit.is_nan());
        if let Some((index, class, _)) = absent.next() {
            return Err(Error::MissingPredictions {
                missing: 1 + absent.count(),
                cells: self.indices.len() * self.dataset.classes.len(),
                split: self.split,
                image_id: self.dataset.images[index].image_id.clone(),
                class_id: class as i32,
                path: self.path,
            });
        }
        let id = |&index: &usize| self.dataset.images[index].image_id.as_str();
        let ids = self.indices.iter().map(id);
        let mut by_id: Vec<(&str, &Vec<f32>)> = ids.zip(&self.logits).collect();
        by_id.retain(|(_, logits)| !logits.is_empty());
        by_id.sort_unstable_by_key(|(image_id, _)| *image_id);
        let by_id = by_id.into_iter();
        Ok(Predictions {
            fingerprint: fingerprint(by_id.map(|(id, logits)| (id, logits.iter().copied()))),
            path: self.path,
            logits: self.logits,
            columns,
        })
    }
}
