//! The metric `max_box_acc`: MaxBoxAcc (Choe et al. 2020, docs/SPEC.md B), the share of pairs (an image and a class
//! on it) whose map's box has an IoU (intersection over union) of at least 0.5 with a box of the class, at the one of
//! 255 thresholds at which this share is greatest. The map is brought to 0..=1 by its least and greatest value, and
//! its box is that around the largest connected region above the threshold. Pairs without a box are left out.
//!
//! It is the `BoxEvaluator` of wsolevaluation with `multi_contour_eval` and `multi_iou_eval` off.

use super::metric::TallyMetric;

/// The metric; [`TallyMetric`] says what its fields mean. There is a count for each threshold.
pub(super) const METRIC: TallyMetric = TallyMetric {
    name: "max_box_acc",
    title: "MaxBoxAcc",
    counts: |pair| Some(pair.box_hits()?.largest.map(u32::from).into()),
    value: |tally| tally.greatest_share(&tally.counts),
    interval: true,
};
