//! The metric `iou_tuned_informative`: `iou_tuned` (IoU at the threshold chosen on validation, over the pairs of all
//! classes) over the pairs (an image and a class on it) whose class can say something about guidance (docs/SPEC.md B).
//! As with `epg_informative`, only data that also has classes which cannot has this metric.

use super::metric::{Over, PairMetric};

/// The metric; [`PairMetric`] says what its fields mean. Fields not named here are as those of `iou_tuned`.
pub(super) const METRIC: PairMetric = PairMetric {
    name: "iou_tuned_informative",
    title: "IoU, tuned, informative classes",
    over: Over::InformativePairs,
    ..super::iou_tuned::METRIC
};
