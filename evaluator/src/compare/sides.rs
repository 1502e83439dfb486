//! A metric's row: both sides' values, the interval of their replicates' differences, and the test of
//! their images.

use std::collections::BTreeMap;

use arrow::array::{Array, Float64Array, Int32Array, RecordBatch};
use data_prep::table::{column, read_table};

use super::images::{Outcome, PairedImage};
use super::paired::{CompareOptions, Compared, Paired, Test};
use super::paired_test::{mcnemar, permutation_test};
use crate::error::Result;
use crate::evaluate::{Evaluation, PairMetric, REPLICATES, cell};
use crate::metrics::grid_pointing::percentile;
use crate::metrics::pooled::Counts;

/// Both evaluations, read.
pub(super) struct Sides<'a> {
    pub(super) a: &'a Evaluation,
    pub(super) b: &'a Evaluation,
    pub(super) images: &'a [PairedImage],
    pub(super) replicates: [Replicates; 2],
    pub(super) options: &'a CompareOptions,
}

impl Sides<'_> {
    /// `None` where a side has not the metric, or it is undefined.
    pub(super) fn row(&self, group_id: Option<i32>, metric: Compared) -> Option<Paired> {
        let stored = |side: &Evaluation| {
            let mut rows = side.metric(metric.as_str());
            rows.find(|row| row.group_id == group_id).cloned()
        };
        let (in_a, in_b) = (stored(self.a)?, stored(self.b)?);
        let (n, test) = match metric {
            Compared::Mean(metric) => {
                let differences = self.differences(group_id, metric);
                (differences.len(), self.test_mean(&differences))
            }
            Compared::F1 => (in_a.n as usize, self.test_f1(&self.outcomes(group_id))),
            Compared::Accuracy => (in_a.n as usize, test_accuracy(&self.outcomes(group_id))),
            Compared::Map => (in_a.n as usize, None),
        };
        Some(Paired {
            group_id,
            metric: metric.as_str(),
            a: in_a.value?,
            b: in_b.value?,
            interval: self.interval(group_id, metric.as_str()),
            test,
            n,
        })
    }

    fn images(&self, group_id: Option<i32>) -> impl Iterator<Item = &PairedImage> {
        let images = self.images.iter();
        images.filter(move |image| group_id.is_none() || image.group_id == group_id)
    }

    /// Of the images that have a pair of the metric.
    fn differences(&self, group_id: Option<i32>, metric: PairMetric) -> Vec<f64> {
        self.images(group_id)
            .filter_map(|image| image.differences[metric as usize])
            .collect()
    }

    /// Of the images that have predictions; none for a group that is not wholly known.
    fn outcomes(&self, group_id: Option<i32>) -> Vec<[Outcome; 2]> {
        if group_id.is_some() && self.images.iter().any(|image| image.group_id.is_none()) {
            return Vec::new();
        }
        let images = self.images(group_id);
        images.filter_map(|image| image.outcomes).collect()
    }

    fn test_mean(&self, differences: &[f64]) -> Option<(Test, f64)> {
        let n = differences.len();
        let mean = |swapped: &[bool]| {
            let signed = differences.iter().zip(swapped);
            let signed = signed.map(|(&d, &is_swapped)| if is_swapped { -d } else { d });
            signed.sum::<f64>() / n as f64
        };
        (n > 0).then(|| self.permute(n, mean))
    }

    fn test_f1(&self, outcomes: &[[Outcome; 2]]) -> Option<(Test, f64)> {
        let f1_difference = |swapped: &[bool]| {
            let mut counts = [Counts::default(); 2];
            for (outcome, &is_swapped) in outcomes.iter().zip(swapped) {
                counts[usize::from(is_swapped)].add(&outcome[0].counts, 1);
                counts[usize::from(!is_swapped)].add(&outcome[1].counts, 1);
            }
            let [f1_a, f1_b] = counts.map(|counts| counts.f1().unwrap_or(0.0));
            f1_b - f1_a
        };
        (!outcomes.is_empty()).then(|| self.permute(outcomes.len(), f1_difference))
    }

    fn permute(&self, n: usize, difference: impl Fn(&[bool]) -> f64 + Sync) -> (Test, f64) {
        let CompareOptions {
            permutations, seed, ..
        } = *self.options;
        let p_value = permutation_test(n, permutations, seed, difference);
        (Test::Permutation, p_value)
    }

    /// 95 % of the differences of the replicates both sides have; `None` for fewer than two.
    fn interval(&self, group_id: Option<i32>, metric: &str) -> Option<[f64; 2]> {
        let [a, b] = &self.replicates;
        let rows = (a.row_of.iter()).filter(|((group, _), _)| *group == group_id);
        let differences: Vec<f64> = rows
            .filter_map(|(key, &row)| {
                Some(b.value(metric, *b.row_of.get(key)?)? - a.value(metric, row)?)
            })
            .collect();
        if differences.len() < 2 {
            return None;
        }
        Some([
            percentile(&differences, 2.5)?,
            percentile(&differences, 97.5)?,
        ])
    }
}

fn test_accuracy(outcomes: &[[Outcome; 2]]) -> Option<(Test, f64)> {
    let only = |side: usize| {
        let alone = |of: &&[Outcome; 2]| of[side].is_right && !of[1 - side].is_right;
        outcomes.iter().filter(alone).count() as u64
    };
    (!outcomes.is_empty()).then(|| (Test::McNemar, mcnemar(only(0), only(1))))
}

/// `replicates.parquet`.
pub(super) struct Replicates {
    rows: RecordBatch,
    /// By group and number.
    row_of: BTreeMap<(Option<i32>, i32), usize>,
}

impl Replicates {
    pub(super) fn read(side: &Evaluation) -> Result<Self> {
        let (_, rows) = read_table(side.path(&REPLICATES), &REPLICATES)?;
        let groups: &Int32Array = column(&rows, "group_id");
        let numbers: &Int32Array = column(&rows, "replicate");
        let key = |row| {
            let group = groups.is_valid(row).then(|| groups.value(row));
            ((group, numbers.value(row)), row)
        };
        Ok(Self {
            row_of: (0..rows.num_rows()).map(key).collect(),
            rows,
        })
    }

    fn value(&self, metric: &str, row: usize) -> Option<f64> {
        cell(column::<Float64Array>(&self.rows, metric), row)
    }
}
