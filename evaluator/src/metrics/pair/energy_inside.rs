//! Positive attribution inside the boxes, Σ M·A⁺.

use super::metric::{Mean, Over, PairMetric, Threshold};

pub(super) const METRIC: PairMetric = PairMetric {
    name: "energy_inside",
    title: "Attribution in the boxes",
    over: Over::Pairs,
    threshold: Threshold::None,
    value: |pair| Some(pair.energy.inside),
    mean: Mean::NotTaken,
    interval: false,
    share: false,
};
