//! The metric `iou`: intersection over union of the class's mask (its boxes) and the cells of the map, scaled to
//! 0–1, that lie above the fixed threshold (0.5 by default; docs/SPEC.md B). It is defined for every pair (an image
//! and a class on it): where the union is empty, it is 0.

use super::metric::{Mean, Over, PairMetric, Threshold};

/// The metric; [`PairMetric`] says what its fields mean.
pub(super) const METRIC: PairMetric = PairMetric {
    name: "iou",
    title: "IoU",
    over: Over::Pairs,
    threshold: Threshold::Fixed,
    value: |pair| Some(pair.overlap(pair.thresholds.fixed).value()),
    mean: Mean::OverDefined,
    interval: true,
    share: true,
    standard: true,
};
