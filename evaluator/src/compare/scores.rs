//! Reads `scores.parquet` of an evaluation (one checkpoint's scored maps), pair by pair. A pair is an image and a
//! class on it. The file has a row for each pair and each metric that the pair has, and the rows of a pair follow
//! one another. If the value is null, it is undefined ([`Measured::Undefined`]); if there is no row, the pair does
//! not have the metric ([`Measured::Absent`]).

use arrow::array::{Array, Float64Array, Int32Array, RecordBatch, StringArray};
use data_prep::table::{column, read_table};

use super::paired::pair_metrics;
use crate::error::{Error, Result};
use crate::evaluate::{Evaluation, SCORES, cell};
use crate::metrics::pair::{Measured, PairMetric};

/// The pairs of an evaluation, in the order of its file.
pub(super) struct Scores {
    /// The whole file.
    rows: RecordBatch,
    /// For each pair, the number of its first row.
    first: Vec<usize>,
    /// The value that each pair contributes to the mean of each compared metric, `n_metrics` values for each pair
    /// in turn; `None` where the pair does not count.
    counted: Vec<Option<f64>>,
    n_metrics: usize,
}

impl Scores {
    /// Reads the scores of `side`, except metrics that are not compared.
    ///
    /// # Errors
    /// When the table does not fit its schema, or a pair has a metric twice.
    pub(super) fn read(side: &Evaluation) -> Result<Self> {
        let path = side.path(&SCORES);
        let (_, rows) = read_table(&path, &SCORES)?;
        let metrics: Vec<&PairMetric> = pair_metrics().collect();
        let names: &StringArray = column(&rows, "metric");
        let values: &Float64Array = column(&rows, "value");
        let mut scores = Self {
            first: Vec::new(),
            counted: Vec::new(),
            n_metrics: metrics.len(),
            rows: rows.clone(),
        };
        let mut measured = vec![Measured::Absent; metrics.len()];
        let mut seen: Vec<&str> = Vec::new();
        for row in 0..rows.num_rows() {
            let last = scores.first.last();
            if last.is_none_or(|&first| scores.key_of(first) != scores.key_of(row)) {
                scores.finish(&metrics, &mut measured);
                scores.first.push(row);
                seen.clear();
            }
            let name = names.value(row);
            if seen.contains(&name) {
                let (image_id, class_id) = scores.key_of(row);
                let found = format!("{name} of image {image_id} class {class_id} again");
                let field = format!("row {row}, metric");
                return Err(Error::problem(
                    &path,
                    field,
                    found,
                    "each metric of a pair once",
                ));
            }
            seen.push(name);
            if let Some(i) = metrics.iter().position(|metric| metric.name == name) {
                measured[i] = cell(values, row).map_or(Measured::Undefined, Measured::Value);
            }
        }
        scores.finish(&metrics, &mut measured);
        Ok(scores)
    }

    /// Stores the values of the pair whose rows have just ended, and clears `measured` for the next.
    fn finish(&mut self, metrics: &[&PairMetric], measured: &mut [Measured]) {
        if self.first.is_empty() {
            return;
        }
        let counted = metrics.iter().zip(measured.iter());
        self.counted
            .extend(counted.map(|(metric, measured)| metric.counted(*measured)));
        measured.fill(Measured::Absent);
    }

    /// The number of pairs.
    pub(super) fn len(&self) -> usize {
        self.first.len()
    }

    /// Image and class of a pair; `None` beyond the last.
    pub(super) fn key(&self, pair: usize) -> Option<(&str, i32)> {
        self.first.get(pair).map(|&row| self.key_of(row))
    }

    /// Returns image and class of a row.
    fn key_of(&self, row: usize) -> (&str, i32) {
        let image_ids: &StringArray = column(&self.rows, "image_id");
        let class_ids: &Int32Array = column(&self.rows, "class_id");
        (image_ids.value(row), class_ids.value(row))
    }

    /// Returns the group of a pair's image, where the data has groups.
    pub(super) fn group_id(&self, pair: usize) -> Option<i32> {
        let group_ids: &Int32Array = column(&self.rows, "group_id");
        let row = self.first[pair];
        group_ids.is_valid(row).then(|| group_ids.value(row))
    }

    /// Returns the value that a pair contributes to the mean of each compared metric; `None` where it does
    /// not count.
    pub(super) fn counted(&self, pair: usize) -> &[Option<f64>] {
        &self.counted[pair * self.n_metrics..][..self.n_metrics]
    }
}
