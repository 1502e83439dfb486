//! The metric `iou_tuned`: intersection over union of the class's mask (its boxes) and the cells of the map, scaled
//! to 0–1, that lie above the threshold chosen on validation (docs/SPEC.md B), one of 0.00, 0.05, … 0.95.

use super::metric::{Mean, Over, PairMetric, Threshold};

/// The metric; [`PairMetric`] says what its fields mean.
pub(super) const METRIC: PairMetric = PairMetric {
    name: "iou_tuned",
    title: "IoU, tuned",
    over: Over::Pairs,
    threshold: Threshold::Tuned,
    value: |pair| Some(pair.sweep[pair.thresholds.tuned?].value()),
    mean: Mean::OverDefined,
    interval: true,
    share: true,
    standard: true,
};
