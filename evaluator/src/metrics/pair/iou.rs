//! The metric `iou`: intersection over union of the mask and the map above the fixed threshold
//! (docs/SPEC.md B). It is defined for every pair (an image and a class on it): where the union is empty,
//! it is 0.

use super::metric::{Mean, Over, PairMetric, Threshold};

pub(super) const METRIC: PairMetric = PairMetric {
    name: "iou",
    title: "IoU",
    over: Over::Pairs,
    threshold: Threshold::Fixed,
    value: |pair| Some(pair.overlap(pair.thresholds.fixed).value()),
    mean: Mean::OverDefined,
    interval: true,
    share: true,
};
