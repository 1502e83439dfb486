//! On-object EPG (SPEC B): Σ S·A⁺ / Σ M·A⁺. The segmentation is not cut to the boxes, so it can exceed 1.

use super::metric::{Mean, Over, PairMetric, Threshold};
use crate::metrics::energy::share;

pub(super) const METRIC: PairMetric = PairMetric {
    name: "on_object",
    title: "On-object EPG",
    over: Over::SegmentedPairs,
    threshold: Threshold::None,
    value: |pair| share(pair.segment_energy?, pair.energy.inside),
    mean: Mean::UndefinedAsZero,
    interval: true,
    share: true,
};
