//! Positive attribution inside the segmentation, Σ S·A⁺.

use super::metric::{Mean, Over, PairMetric, Threshold};

pub(super) const METRIC: PairMetric = PairMetric {
    name: "segment_energy",
    title: "Attribution in the segmentation",
    over: Over::SegmentedPairs,
    threshold: Threshold::None,
    value: |pair| pair.segment_energy,
    mean: Mean::NotTaken,
    interval: false,
    share: false,
};
