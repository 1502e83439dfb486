//! Defines [`PoolMetric`], a metric that is computed from the logits of many images together, and [`Pool`],
//! what it is computed from.

use super::outcomes::Counts;

/// A metric of the logits of many images.
#[derive(Debug, Clone, Copy)]
pub struct PoolMetric {
    /// Its name in tables.
    pub name: &'static str,
    /// Its name for people.
    pub title: &'static str,
    /// For which data it is defined.
    pub defined: Defined,
    /// Computes its value, a share; `None` where undefined.
    pub value: fn(&Pool) -> Option<f64>,
    /// Whether it gets a bootstrap interval and is compared between runs.
    pub interval: bool,
    /// How `evaluator compare` tests the difference between two runs.
    pub test: PairedTest,
}

/// For which data a metric is defined.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Defined {
    /// All data.
    Always,
    /// Data with two classes or more and exactly one label on every image.
    OneLabel,
    /// The same with more than five classes.
    OneLabelOfMany,
    /// Data in which some classes can say something about guidance and some cannot: those on nearly all images, or
    /// with boxes over most of them (docs/SPEC.md B).
    SomeUninformative,
}

/// How a difference between two runs is tested over images.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PairedTest {
    /// By permutation: an image's [`Counts`] are swapped between the runs. The metric must depend on these
    /// alone.
    SwappedCounts,
    /// By McNemar's test, from the images that only one of the runs classifies right.
    McNemar,
    /// It is not tested.
    None,
}

/// What the metrics are computed from: the outcomes of some images. In a bootstrap resample an image counts
/// as often as it was drawn.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Pool {
    /// True and false positives and negatives over all cells (images × classes).
    pub counts: Counts,
    /// Those of `counts` that are of classes which can say something.
    pub informative: Counts,
    /// Images whose greatest logit is that of their label.
    pub n_right: u64,
    /// Images whose label has one of the five greatest logits.
    pub n_in_top5: u64,
    /// The number of images that `n_right` and `n_in_top5` are counted among: those with logits and exactly one
    /// label.
    pub n_judged: u64,
    /// The average precision of each class; `None` for a class on no image.
    pub precisions: Vec<Option<f64>>,
}

impl Pool {
    /// Counts `weight` times an image whose label has this rank among its logits.
    pub fn judge(&mut self, rank: usize, weight: u64) {
        self.n_judged += weight;
        self.n_right += if rank == 0 { weight } else { 0 };
        self.n_in_top5 += if rank < 5 { weight } else { 0 };
    }

    /// Returns `n` as a share of the judged images; `None` without any.
    pub fn share_of_judged(&self, n: u64) -> Option<f64> {
        (self.n_judged > 0).then(|| n as f64 / self.n_judged as f64)
    }
}
