//! The metric `iou_tuned`: intersection over union of the mask and the map above the threshold that was
//! chosen on validation (docs/SPEC.md B), one of 0.00, 0.05, … 0.95.

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
