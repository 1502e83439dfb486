//! The metric `energy_total` of a pair (an image and a class on it): the positive attribution of the whole
//! map, Σ A⁺. A⁺ is the map's positive part.

use super::metric::{Mean, Over, PairMetric, Threshold};

/// The metric; [`PairMetric`] says what its fields mean. No mean is taken, because the sum depends on the map's scale.
pub(super) const METRIC: PairMetric = PairMetric {
    name: "energy_total",
    title: "Attribution",
    over: Over::Pairs,
    threshold: Threshold::None,
    value: |pair| Some(pair.energy.total),
    mean: Mean::NotTaken,
    interval: false,
    share: false,
    standard: true,
};
