//! Reads a finished evaluation, the folder of tables that `evaluator score` wrote about one checkpoint's maps of one
//! split: what it is of, and the rows of its `metrics.parquet`. `tuned` and [`crate::compare`] use it.

use std::path::{Path, PathBuf};

use arrow::array::{Array, Float64Array, Int32Array, Int64Array, RecordBatch, StringArray};
use data_prep::dataset::Labels;
use data_prep::schema::file_name;
use data_prep::table::{INPUTS_KEY, TableSpec, column, read_table};

use super::keys::{
    DATA_INPUTS_KEY, FORMULAS_KEY, PREDICTIONS_KEY, RUN_ID_FROM_KEY, SEED_KEY, TASK_KEY,
};
use super::predictions::labels_of;
use super::run_key::RunKey;
use super::tables::{METRICS, cell};
use crate::FORMULAS;
use crate::error::{Error, Result};

/// A finished evaluation.
#[derive(Debug)]
pub struct Evaluation {
    /// Its folder.
    pub folder: PathBuf,
    /// The run, checkpoint, split, attribution method, layer and precision that all its rows are of.
    pub key: RunKey,
    /// The task: `conventional`, or `reversed` (Waterbirds' background).
    pub task: String,
    /// Whether the maps said which run they are of; if not, `run_id` is the name of the map file.
    pub is_run_known: bool,
    /// Whether an image shows any number of classes (predicted at logit ≥ 0) or exactly one (the greatest logit).
    pub labels: Labels,
    /// Hash of the scored logits, if there were any.
    pub predictions: Option<String>,
    /// Hash of the data folder.
    pub data_inputs: String,
    /// Seed of its resamples.
    pub seed: String,
    /// Hash of all it was made from.
    pub inputs: String,
    /// Its rows over all images and over groups; rows by class or by size of mask are not kept.
    metrics: Vec<StoredMetric>,
}

/// A row of `metrics.parquet` over all images or a group.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredMetric {
    /// The group; `None` for all images.
    pub group_id: Option<i32>,
    /// The metric's name in tables.
    pub metric: String,
    /// IoU's threshold; `None` for other metrics.
    pub threshold: Option<f64>,
    /// `None` where undefined.
    pub value: Option<f64>,
    /// The number of pairs, images or groups it is over.
    pub n: i64,
}

impl Evaluation {
    /// Opens an evaluation's folder.
    ///
    /// # Errors
    /// When `metrics.parquet` is missing, does not fit its schema, is of other formulas, or is of several
    /// evaluations.
    pub fn open(folder: &Path) -> Result<Self> {
        let path = folder.join(file_name(&METRICS));
        if !path.is_file() {
            let expected = "a folder that evaluator score has finished";
            return Err(Error::problem(
                folder,
                "evaluation",
                "no metrics.parquet",
                expected,
            ));
        }
        let (origin, rows) = read_table(&path, &METRICS)?;
        let said = |key: &str| origin.get(key).unwrap_or("nothing").to_owned();
        if said(FORMULAS_KEY) != FORMULAS.to_string() {
            return Err(Error::OtherFormulas {
                path,
                key: FORMULAS_KEY,
                found: said(FORMULAS_KEY),
            });
        }
        Ok(Self {
            folder: folder.to_owned(),
            key: run_key(&path, &rows)?,
            task: origin.get(TASK_KEY).unwrap_or("conventional").to_owned(),
            is_run_known: origin.get(RUN_ID_FROM_KEY).is_none(),
            labels: labels_of(&origin, &path)?,
            predictions: origin.get(PREDICTIONS_KEY).map(str::to_owned),
            data_inputs: said(DATA_INPUTS_KEY),
            seed: said(SEED_KEY),
            inputs: said(INPUTS_KEY),
            metrics: metrics(&rows),
        })
    }

    /// Returns the path of a table in its folder.
    pub fn path(&self, spec: &TableSpec) -> PathBuf {
        self.folder.join(file_name(spec))
    }

    /// Returns the rows of a metric over all images and over groups.
    pub fn metric(&self, name: &str) -> impl Iterator<Item = &StoredMetric> {
        self.metrics.iter().filter(move |row| row.metric == name)
    }

    /// The group of each row, `None` for all images; each group comes as often as it has rows.
    pub fn groups(&self) -> impl Iterator<Item = Option<i32>> {
        self.metrics.iter().map(|row| row.group_id)
    }

    /// Refuses this evaluation if the value `found` of its `field` is not `expected`; `whose` says for the message
    /// where the expected value is from, e.g. `in the maps`.
    pub fn expect(&self, field: &str, found: &str, expected: &str, whose: &str) -> Result<()> {
        if found == expected {
            return Ok(());
        }
        let expected = format!("{expected} as {whose}");
        Err(Error::problem(&self.path(&METRICS), field, found, expected))
    }
}

/// Returns the key that all rows share, or an error where rows differ.
fn run_key(path: &Path, rows: &RecordBatch) -> Result<RunKey> {
    let text = |name, row| column::<StringArray>(rows, name).value(row).to_owned();
    let precisions: &StringArray = column(rows, "precision");
    let key = |row: usize| -> Result<RunKey> {
        let wrong = |found: String| Error::problem(path, "split", found, "train, val or test");
        Ok(RunKey {
            run_id: text("run_id", row),
            checkpoint: column::<Int32Array>(rows, "checkpoint").value(row),
            split: text("split", row).parse().map_err(wrong)?,
            attribution: text("attribution", row),
            layer: text("layer", row),
            precision: precisions
                .is_valid(row)
                .then(|| precisions.value(row).to_owned()),
        })
    };
    if rows.num_rows() == 0 {
        return Err(Error::problem(path, "rows", "none", "at least one metric"));
    }
    let first = key(0)?;
    for row in 1..rows.num_rows() {
        let other = key(row)?;
        if other != first {
            let found = format!("{other} in row {row}");
            let expected = format!("one evaluation, {first} as in row 0");
            return Err(Error::problem(path, "run_id", found, expected));
        }
    }
    Ok(first)
}

/// Returns the rows over all images or a group, without those by class or by size of mask.
fn metrics(rows: &RecordBatch) -> Vec<StoredMetric> {
    let names: &StringArray = column(rows, "metric");
    let [groups, classes]: [&Int32Array; 2] =
        ["group_id", "class_id"].map(|name| column(rows, name));
    let [sizes, thresholds, values]: [&Float64Array; 3] =
        ["size_low", "threshold", "value"].map(|name| column(rows, name));
    (0..rows.num_rows())
        .filter(|&row| classes.is_null(row) && sizes.is_null(row))
        .map(|row| StoredMetric {
            group_id: groups.is_valid(row).then(|| groups.value(row)),
            metric: names.value(row).to_owned(),
            threshold: cell(thresholds, row),
            value: cell(values, row),
            n: column::<Int64Array>(rows, "n").value(row),
        })
        .collect()
}
