//! The metric `segment_energy` of a pair (an image and a class on it): the positive attribution inside the
//! class's segmentation, Σ S·A⁺. A⁺ is the map's positive part, S the mask of the segmentation.

use super::metric::{Mean, Over, PairMetric, Threshold};

/// The metric; [`PairMetric`] says what its fields mean. No mean is taken, because the sum depends on the map's scale.
pub(super) const METRIC: PairMetric = PairMetric {
    name: "segment_energy",
    title: "Attribution in the segmentation",
    over: Over::SegmentedPairs,
    threshold: Threshold::None,
    value: |pair| pair.segment_energy,
    mean: Mean::NotTaken,
    interval: false,
    share: false,
    standard: true,
};
