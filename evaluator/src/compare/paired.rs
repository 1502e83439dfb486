//! The options of a comparison of two evaluations, and its result for one metric. An evaluation is the folder of
//! tables that `evaluator score` writes about one checkpoint's maps of one split.

use std::path::PathBuf;

use crate::metrics::pair::{PAIR_METRICS, PairMetric};
use crate::metrics::pooled::{POOL_METRICS, PoolMetric};
use crate::metrics::tally::{TALLY_METRICS, TallyMetric};

/// The evaluations to compare, and how.
#[derive(Debug, Clone, PartialEq)]
pub struct CompareOptions {
    /// Folders of side A: one evaluation, or one of each of several seeds.
    pub a: Vec<PathBuf>,
    /// Folders of side B; differences are B − A. Of equal numbers, those at the same place belong together.
    pub b: Vec<PathBuf>,
    /// Data folder of both, which gives targets where predictions have none.
    pub data: Option<PathBuf>,
    /// Folder to write `paired.parquet` into, if any.
    pub out: Option<PathBuf>,
    /// The number of permutations of a test.
    pub permutations: u32,
    /// Seed of the permutation tests.
    pub seed: u64,
}

/// One metric of both evaluations: a row of `paired.parquet`.
#[derive(Debug, Clone, PartialEq)]
pub struct Paired {
    /// The group of images; `None` for all images.
    pub group_id: Option<i32>,
    /// The metric's name in tables.
    pub metric: &'static str,
    /// A's value; the mean of several seeds.
    pub a: f64,
    /// B's value.
    pub b: f64,
    /// Ends of the 95 % interval of B − A: with several seeds on both sides over seeds and images
    /// (docs/statistics.md), else percentiles of the bootstrap, `None` with fewer than 100 replicates.
    pub interval: Option<[f64; 2]>,
    /// The test that was made and its two-sided p-value; `None` for a metric without a test (mAP, those of all maps
    /// together), or without the predictions it needs.
    pub test: Option<(Test, f64)>,
    /// The number of images that the metric is computed from.
    pub n: usize,
}

impl Paired {
    /// B − A.
    pub fn difference(&self) -> f64 {
        self.b - self.a
    }
}

/// A test of paired results.
#[derive(Debug, Clone, Copy, PartialEq, Eq, strum::AsRefStr)]
#[strum(serialize_all = "lowercase")]
pub enum Test {
    /// [`super::paired_test::permutation_test`].
    Permutation,
    /// [`super::paired_test::mcnemar`].
    McNemar,
    /// Student's t over seeds and images ([`super::over_seeds::interval`]).
    Student,
}

/// A metric that is compared, by what it is computed from.
#[derive(Debug, Clone, Copy)]
pub(super) enum Compared {
    /// From the logits of all images together (F1, mAP, accuracy).
    Pool(&'static PoolMetric),
    /// From the maps of pairs (an image and a class on it), as a mean; with its index in [`pair_metrics`].
    Pair(usize, &'static PairMetric),
    /// From the maps of all pairs together.
    Tally(&'static TallyMetric),
}

/// Returns the metrics of pairs that are compared: those that have bootstrap intervals.
pub(super) fn pair_metrics() -> impl Iterator<Item = &'static PairMetric> {
    PAIR_METRICS.iter().filter(|metric| metric.interval)
}

impl Compared {
    /// Returns all compared metrics, those of logits first.
    pub(super) fn all() -> impl Iterator<Item = Self> {
        let of_logits = POOL_METRICS.iter().filter(|metric| metric.interval);
        let of_pairs = pair_metrics().enumerate();
        let of_all_maps = TALLY_METRICS.iter().filter(|metric| metric.interval);
        of_logits
            .map(Self::Pool)
            .chain(of_pairs.map(|(i, metric)| Self::Pair(i, metric)))
            .chain(of_all_maps.map(Self::Tally))
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Pool(metric) => metric.name,
            Self::Pair(_, metric) => metric.name,
            Self::Tally(metric) => metric.name,
        }
    }
}
