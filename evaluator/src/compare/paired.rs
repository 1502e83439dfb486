//! What is compared, and one metric of two evaluations.

use std::path::PathBuf;

use crate::evaluate::PairMetric;

/// What to compare.
#[derive(Debug, Clone, PartialEq)]
pub struct CompareOptions {
    /// Folder of the evaluation that is compared with.
    pub a: PathBuf,
    /// Folder of the evaluation that is compared.
    pub b: PathBuf,
    /// Data folder of both, for the targets of predictions that have none.
    pub data: Option<PathBuf>,
    /// Folder for `paired.parquet`.
    pub out: Option<PathBuf>,
    /// How often a permutation test swaps.
    pub permutations: u32,
    /// Seed of the permutation tests.
    pub seed: u64,
}

/// One metric of both.
#[derive(Debug, Clone, PartialEq)]
pub struct Paired {
    /// The group it is over; `None` for all images.
    pub group_id: Option<i32>,
    /// Its spelling.
    pub metric: &'static str,
    /// A's value.
    pub a: f64,
    /// B's value.
    pub b: f64,
    /// Ends of the 95 % interval of B − A.
    pub interval: Option<[f64; 2]>,
    /// The test and its p-value.
    pub test: Option<(Test, f64)>,
    /// Images it is over.
    pub n: usize,
}

impl Paired {
    /// B − A.
    pub fn difference(&self) -> f64 {
        self.b - self.a
    }
}

/// A test of paired results.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Test {
    /// [`super::paired_test::permutation_test`].
    Permutation,
    /// [`super::paired_test::mcnemar`].
    McNemar,
}

impl Test {
    /// Its spelling.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Permutation => "permutation",
            Self::McNemar => "mcnemar",
        }
    }
}

/// A metric that is compared.
#[derive(Debug, Clone, Copy)]
pub(super) enum Compared {
    F1,
    Map,
    Accuracy,
    Mean(PairMetric),
}

impl Compared {
    pub(super) fn all() -> impl Iterator<Item = Self> {
        let means = PairMetric::ALL.into_iter().map(Self::Mean);
        [Self::F1, Self::Map, Self::Accuracy]
            .into_iter()
            .chain(means)
    }

    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::F1 => "f1",
            Self::Map => "map",
            Self::Accuracy => "accuracy",
            Self::Mean(metric) => metric.as_str(),
        }
    }
}
