//! Logits of a split, one per image and class, from our trainer's `predictions.parquet` or any other
//! tool's file with image_id, class_id and logit.
//!
//! Targets are the data set's labels; a `target` column that says otherwise is an error, as are
//! another run's predictions.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use arrow::array::{BooleanArray, Float32Array, Int32Array, RecordBatch, StringArray};
use data_prep::dataset::{Dataset, Split};
use data_prep::record::Fingerprint;
use data_prep::table::{Column, Kind, TableSpec, column, conform, required};

use crate::columnar::{Columnar, Source};
use crate::error::{Error, Result};
use crate::maps::RunColumns;
use crate::pairs::image_of;

/// The columns of `predictions.parquet`.
pub const PREDICTIONS: TableSpec = TableSpec {
    name: "predictions",
    version: 1,
    columns: &[
        required("run_id", Kind::Utf8),
        required("checkpoint", Kind::I32),
        required("split", Kind::Utf8),
        required("image_id", Kind::Utf8),
        required("class_id", Kind::I32),
        required("logit", Kind::F32),
        required("target", Kind::Bool),
    ],
};

/// What a file needs at least.
const CELLS: TableSpec = TableSpec {
    name: "predictions",
    version: 1,
    columns: &[
        required("image_id", Kind::Utf8),
        required("class_id", Kind::I32),
        required("logit", Kind::F32),
    ],
};

const TARGET: TableSpec = part(&[required("target", Kind::Bool)]);
const RUN_ID: TableSpec = part(&[required("run_id", Kind::Utf8)]);
const CHECKPOINT: TableSpec = part(&[required("checkpoint", Kind::I32)]);

const fn part(columns: &'static [Column]) -> TableSpec {
    TableSpec {
        name: "predictions",
        version: 1,
        columns,
    }
}

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
    /// Per image of the split, in the order of `Dataset::indices`: one logit per class; empty where
    /// the image was left out.
    pub logits: Vec<Vec<f32>>,
    /// SHA-256 of the rows.
    pub fingerprint: String,
}

/// Reads the logits of the images `indices` (all of one `split`) of `dataset`.
///
/// # Errors
/// When the file is broken, a column is missing or of another type, a row is of an unknown image,
/// class or split, repeated, not finite or against the labels, when it is of another run than
/// `maps_of`, or when classes of an image are absent (with [`Missing::LeftOut`] an image may be absent
/// as a whole).
pub fn read(
    source: &Source,
    dataset: &Dataset,
    split: Split,
    maps_of: &RunColumns,
    missing: Missing,
) -> Result<Predictions> {
    let mut file = Columnar::open(source)?;
    file.origin.check_if_present(&file.path, &PREDICTIONS)?;
    let mut cells = Cells::new(dataset, split, &file.path);
    while let Some(batch) = file.next_batch()? {
        check_run(&file, &batch, maps_of)?;
        cells.add(&file, &batch)?;
    }
    cells.finish(missing)
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
    fingerprint: Fingerprint,
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
            fingerprint: Fingerprint::default(),
            row: 0,
        }
    }

    fn add(&mut self, file: &Columnar, batch: &RecordBatch) -> Result<()> {
        let cells = conform(&self.path, &CELLS, batch)?;
        let image_ids: &StringArray = column(&cells, "image_id");
        let class_ids: &Int32Array = column(&cells, "class_id");
        let logits: &Float32Array = column(&cells, "logit");
        let targets = match file.has_column("target") {
            true => Some(conform(&self.path, &TARGET, batch)?),
            false => None,
        };
        let targets: Option<&BooleanArray> = targets.as_ref().map(|t| column(t, "target"));
        for i in 0..cells.num_rows() {
            let target = targets.map(|targets| targets.value(i));
            self.set(
                image_ids.value(i),
                class_ids.value(i),
                logits.value(i),
                target,
            )?;
            self.row += 1;
        }
        Ok(())
    }

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
        self.fingerprint.add(&cell, &logit.to_le_bytes());
        Ok(())
    }

    fn finish(mut self, missing: Missing) -> Result<Predictions> {
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
        Ok(Predictions {
            fingerprint: self.fingerprint.hex(),
            logits: self.logits,
        })
    }
}

fn check_run(file: &Columnar, batch: &RecordBatch, maps_of: &RunColumns) -> Result<()> {
    let other = |field: &'static str, found: String, expected: String| Error::OtherRun {
        path: file.path.clone(),
        field,
        found,
        expected,
    };
    if let (Some(expected), true) = (&maps_of.run_id, file.has_column("run_id")) {
        let batch = conform(&file.path, &RUN_ID, batch)?;
        let found: &StringArray = column(&batch, "run_id");
        if let Some(found) = found.iter().flatten().find(|found| found != expected) {
            return Err(other("run_id", found.to_owned(), expected.clone()));
        }
    }
    if let (Some(expected), true) = (maps_of.checkpoint, file.has_column("checkpoint")) {
        let batch = conform(&file.path, &CHECKPOINT, batch)?;
        let found: &Int32Array = column(&batch, "checkpoint");
        if let Some(found) = found.iter().flatten().find(|&found| found != expected) {
            return Err(other("checkpoint", found.to_string(), expected.to_string()));
        }
    }
    Ok(())
}
