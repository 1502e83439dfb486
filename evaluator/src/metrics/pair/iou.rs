//! IoU at the fixed threshold (SPEC B). It is defined for every pair: an empty union is 0.

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
