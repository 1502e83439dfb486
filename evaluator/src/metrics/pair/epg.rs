//! The metric `epg` of a pair (an image and a class on it): energy pointing game (paper §3.3, docs/SPEC.md B),
//! the share of the positive attribution that lies inside the class's mask (its boxes), as the paper's code
//! computes it. It is undefined where the positive attribution sums to less than that code's constant 1e-7, and
//! the mean over pairs counts that as 0.

use super::metric::{Mean, Over, PairMetric, Threshold};

/// The metric; [`PairMetric`] says what its fields mean.
pub(super) const METRIC: PairMetric = PairMetric {
    name: "epg",
    title: "EPG",
    over: Over::Pairs,
    threshold: Threshold::None,
    value: |pair| pair.energy.epg(),
    mean: Mean::UndefinedAsZero,
    interval: true,
    share: true,
    standard: true,
};
