//! Positive attribution of the whole map, Σ A⁺.

use super::metric::{Mean, Over, PairMetric, Threshold};

pub(super) const METRIC: PairMetric = PairMetric {
    name: "energy_total",
    title: "Attribution",
    over: Over::Pairs,
    threshold: Threshold::None,
    value: |pair| Some(pair.energy.total),
    mean: Mean::NotTaken,
    interval: false,
    share: false,
};
