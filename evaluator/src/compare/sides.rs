//! Compares one metric of two evaluations (folders of tables about one checkpoint's scored maps): makes its row of
//! `paired.parquet` from the values of both, the 95 % interval of the differences of their bootstrap replicates
//! (values on resampled images), and a significance test over their images.

use std::collections::BTreeMap;

use arrow::array::{Array, Float64Array, Int32Array, StringArray};
use data_prep::table::{column, read_table};

use super::images::{Outcome, PairedImage};
use super::paired::{CompareOptions, Compared, Paired, Test};
use super::paired_test::{mcnemar, permutation_test};
use crate::error::Result;
use crate::evaluate::{Evaluation, REPLICATES, cell};
use crate::metrics::grid_pointing::percentile;
use crate::metrics::pooled::{PairedTest, Pool, PoolMetric};

/// Both evaluations with what was read of their tables.
pub(super) struct Sides<'a> {
    pub(super) a: &'a Evaluation,
    pub(super) b: &'a Evaluation,
    pub(super) images: &'a [PairedImage],
    pub(super) replicates: [Replicates; 2],
    pub(super) options: &'a CompareOptions,
}

impl Sides<'_> {
    /// Returns the row of `metric` over a group (`None`: over all images); `None` where one evaluation
    /// lacks the metric, or its value is undefined. (An [`Evaluation`] keeps no rows by class or size.)
    pub(super) fn row(&self, group_id: Option<i32>, metric: Compared) -> Option<Paired> {
        let stored = |side: &Evaluation| {
            let mut rows = side.metric(metric.name());
            rows.find(|row| row.group_id == group_id).cloned()
        };
        let (in_a, in_b) = (stored(self.a)?, stored(self.b)?);
        let (n, test) = match metric {
            Compared::Pair(i, _) => {
                let differences = self.differences(group_id, i);
                (differences.len(), self.test_mean(&differences))
            }
            Compared::Tally(_) => {
                let images = self.images(group_id);
                let with_pairs = images.filter(|image| !image.differences.is_empty());
                (with_pairs.count(), None)
            }
            Compared::Pool(metric) => {
                let outcomes = self.outcomes(group_id);
                let test = match metric.test {
                    PairedTest::SwappedCounts => self.test_counts(&outcomes, metric),
                    PairedTest::McNemar => test_accuracy(&outcomes),
                    PairedTest::None => None,
                };
                (in_a.n as usize, test)
            }
        };
        Some(Paired {
            group_id,
            metric: metric.name(),
            a: in_a.value?,
            b: in_b.value?,
            interval: self.interval(group_id, metric.name()),
            test,
            n,
        })
    }

    /// Returns the images of a group; all for `None`.
    fn images(&self, group_id: Option<i32>) -> impl Iterator<Item = &PairedImage> {
        let images = self.images.iter();
        images.filter(move |image| group_id.is_none() || image.group_id == group_id)
    }

    /// Returns for each image of a group the sum of B − A over its pairs, in the i-th compared metric of pairs.
    /// Images without a pair that counts are left out.
    fn differences(&self, group_id: Option<i32>, i: usize) -> Vec<f64> {
        self.images(group_id)
            .filter_map(|image| *image.differences.get(i)?)
            .collect()
    }

    /// Returns the two outcomes of each image with predictions. Empty for a group if the group of any image
    /// is unknown (it has no pair): a test without it would be over other images than the metric.
    fn outcomes(&self, group_id: Option<i32>) -> Vec<[Outcome; 2]> {
        if group_id.is_some() && self.images.iter().any(|image| image.group_id.is_none()) {
            return Vec::new();
        }
        let images = self.images(group_id);
        images.filter_map(|image| image.outcomes).collect()
    }

    /// Tests whether the mean of `differences` could be 0; `None` without any. Each is the sum over an image's
    /// pairs, so that an image with more pairs weighs more, as it does in the metric, a mean over pairs.
    fn test_mean(&self, differences: &[f64]) -> Option<(Test, f64)> {
        let n = differences.len();
        let mean = |swapped: &[bool]| {
            let signed = differences.iter().zip(swapped);
            let signed = signed.map(|(&d, &is_swapped)| if is_swapped { -d } else { d });
            signed.sum::<f64>() / n as f64
        };
        (n > 0).then(|| self.permute(n, mean))
    }

    /// Tests a metric that is computed from counts over all images, such as F1: a permutation swaps the counts of
    /// runs A and B of an image, and the metric is computed anew for both sides.
    fn test_counts(&self, outcomes: &[[Outcome; 2]], metric: &PoolMetric) -> Option<(Test, f64)> {
        let difference = |swapped: &[bool]| {
            let mut sides = [Pool::default(), Pool::default()];
            for (outcome, &is_swapped) in outcomes.iter().zip(swapped) {
                let [a, b] = outcome;
                sides[usize::from(is_swapped)].counts.add(&a.counts, 1);
                sides[usize::from(!is_swapped)].counts.add(&b.counts, 1);
            }
            let [a, b] = sides.map(|side| (metric.value)(&side).unwrap_or(0.0));
            b - a
        };
        (!outcomes.is_empty()).then(|| self.permute(outcomes.len(), difference))
    }

    /// Makes a permutation test of `n` images.
    fn permute(&self, n: usize, difference: impl Fn(&[bool]) -> f64 + Sync) -> (Test, f64) {
        let CompareOptions {
            permutations, seed, ..
        } = *self.options;
        let p_value = permutation_test(n, permutations, seed, difference);
        (Test::Permutation, p_value)
    }

    /// Returns the 95 % interval of B − A over the replicates whose value both evaluations have.
    fn interval(&self, group_id: Option<i32>, metric: &str) -> Option<[f64; 2]> {
        let [a, b] = &self.replicates;
        let (a, b) = (a.of(group_id, metric)?, b.of(group_id, metric)?);
        let differences: Vec<f64> = a
            .iter()
            .filter_map(|(number, value)| Some(b.get(number)? - value))
            .collect();
        percentiles(&differences)
    }
}

/// With fewer replicates than this there is no percentile interval: its ends would be the outermost few.
const LEAST_REPLICATES: usize = 100;

/// The 2.5th and 97.5th percentile; `None` of fewer than [`LEAST_REPLICATES`].
pub(super) fn percentiles(values: &[f64]) -> Option<[f64; 2]> {
    if values.len() < LEAST_REPLICATES {
        return None;
    }
    Some([percentile(values, 2.5)?, percentile(values, 97.5)?])
}

/// Tests accuracy from the images that only one of the two runs has right.
fn test_accuracy(outcomes: &[[Outcome; 2]]) -> Option<(Test, f64)> {
    let only = |side: usize| {
        let alone = |of: &&[Outcome; 2]| of[side].is_right && !of[1 - side].is_right;
        outcomes.iter().filter(alone).count() as u64
    };
    (!outcomes.is_empty()).then(|| (Test::McNemar, mcnemar(only(0), only(1))))
}

/// `replicates.parquet`: for each (metric, group) the defined values by the resample's number.
pub(super) struct Replicates(BTreeMap<(String, Option<i32>), BTreeMap<i32, f64>>);

impl Replicates {
    /// Those of a metric over a group.
    pub(super) fn of(&self, group_id: Option<i32>, metric: &str) -> Option<&BTreeMap<i32, f64>> {
        self.0.get(&(metric.to_owned(), group_id))
    }

    /// Reads those of the compared metrics.
    pub(super) fn read(side: &Evaluation) -> Result<Self> {
        let (_, rows) = read_table(side.path(&REPLICATES), &REPLICATES)?;
        let groups: &Int32Array = column(&rows, "group_id");
        let numbers: &Int32Array = column(&rows, "replicate");
        let metrics: &StringArray = column(&rows, "metric");
        let values: &Float64Array = column(&rows, "value");
        let compared: Vec<&str> = Compared::all().map(Compared::name).collect();
        let mut read = BTreeMap::new();
        for row in 0..rows.num_rows() {
            let (metric, Some(value)) = (metrics.value(row), cell(values, row)) else {
                continue;
            };
            if !compared.contains(&metric) {
                continue;
            }
            let group = groups.is_valid(row).then(|| groups.value(row));
            let of_metric: &mut BTreeMap<i32, f64> =
                read.entry((metric.to_owned(), group)).or_default();
            of_metric.insert(numbers.value(row), value);
        }
        Ok(Self(read))
    }
}
