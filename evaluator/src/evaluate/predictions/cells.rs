//! Reads the logits of a split's images, one for each image and class (a cell), and checks them against the
//! data set. The targets are the data set's labels; a `target` column that contradicts them is an error.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use arrow::array::Array;
use data_prep::dataset::{Dataset, Labels, Split};

use super::fingerprint::fingerprint;
use super::rows::{Belonging, Rows};
use crate::error::{Error, Result};
use crate::maps::{RunColumns, Source};

/// What to do about images or pairs of the split that a file lacks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Missing {
    /// Stop with an error.
    Refused,
    /// Leave them out, with a warning.
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
    /// The run, checkpoint, split and precision that the file names.
    pub columns: RunColumns,
    /// Whether an image shows any number of classes (predicted at logit ≥ 0) or exactly one (the greatest logit).
    pub labels: Labels,
    /// [`fingerprint`] of the logits.
    pub fingerprint: String,
}

/// Reads the logits of the images of one `split` of `dataset`. `maps_of` says which run, checkpoint and so
/// on the maps beside them are of.
///
/// # Errors
/// When the file is broken, or a column is missing or of another type; when a row is of an unknown image,
/// class or split, is repeated, non-finite or contradicts the labels; when the file is of several runs or
/// of another one than `maps_of`; when classes of an image are absent (with [`Missing::LeftOut`] a whole
/// image may be absent, but not some of its classes).
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
    let (columns, labels) = (rows.columns(), rows.labels);
    cells.finish(missing, columns, labels)
}

/// The logits of the images × classes of a split, filled in while rows arrive.
struct Cells<'a> {
    dataset: &'a Dataset,
    split: Split,
    path: PathBuf,
    image_of: HashMap<&'a str, usize>,
    /// The split's images, as indices into the data set.
    indices: Vec<usize>,
    /// Position in `indices` of an image of the data set.
    position: HashMap<usize, usize>,
    /// By position, then class. NaN stands for a cell not read yet; a NaN in the file is refused.
    logits: Vec<Vec<f32>>,
    /// Rows read so far, for messages.
    row: u64,
}

impl<'a> Cells<'a> {
    fn new(dataset: &'a Dataset, split: Split, path: &Path) -> Self {
        let indices = dataset.indices(split);
        Self {
            dataset,
            split,
            path: path.to_owned(),
            image_of: dataset.index_by_id(),
            position: indices.iter().copied().zip(0..).collect(),
            logits: vec![vec![f32::NAN; dataset.classes.len()]; indices.len()],
            indices,
            row: 0,
        }
    }

    /// Checks and stores the next row.
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

    /// Checks that no cell is missing, and returns the logits.
    fn finish(
        mut self,
        missing: Missing,
        columns: RunColumns,
        labels: Labels,
    ) -> Result<Predictions> {
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
            labels,
        })
    }
}
