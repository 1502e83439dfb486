//! The metric `on_object`: the positive attribution inside the class's segmentation, divided by that inside
//! its boxes, Σ S·A⁺ / Σ M·A⁺ (docs/SPEC.md B). A⁺ is the map's positive part; S and M are the masks of
//! segmentation and boxes. The segmentation is not cut to the boxes, so the metric can exceed 1.

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
