//! IoU at the threshold chosen on validation (SPEC B), one of the sweep's.

use super::metric::{Mean, Over, PairMetric, Threshold};

pub(super) const METRIC: PairMetric = PairMetric {
    name: "iou_tuned",
    title: "IoU, tuned",
    over: Over::Pairs,
    threshold: Threshold::Tuned,
    value: |pair| Some(pair.sweep[pair.thresholds.tuned?].value()),
    mean: Mean::OverDefined,
    interval: true,
    share: true,
};
