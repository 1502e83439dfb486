//! The metric `energy_inside` of a pair (an image and a class on it): the positive attribution inside the
//! class's mask, Σ M·A⁺. A⁺ is the map's positive part, M the mask (the class's boxes; in the reversed task,
//! Waterbirds' backgrounds, everything outside them).

use super::metric::{Mean, Over, PairMetric, Threshold};

/// The metric; [`PairMetric`] says what its fields mean. No mean is taken, because the sum depends on the map's scale.
pub(super) const METRIC: PairMetric = PairMetric {
    name: "energy_inside",
    title: "Attribution in the boxes",
    over: Over::Pairs,
    threshold: Threshold::None,
    value: |pair| Some(pair.energy.inside),
    mean: Mean::NotTaken,
    interval: false,
    share: false,
    standard: true,
};
