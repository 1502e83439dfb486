//! The metric `max_box_acc_v2`: MaxBoxAccV2 (Choe et al. 2020, docs/SPEC.md B), the mean of three shares of pairs (an
//! image and a class on it): those of which one of the map's boxes has an IoU (intersection over union) of at least
//! 0.3, 0.5 and 0.7 with a box of the class, each share at the one of 255 thresholds at which it is greatest. The
//! boxes are those of all connected regions above the threshold, and of the holes in them. Else it is as
//! `max_box_acc`.
//!
//! It is the `BoxEvaluator` of wsolevaluation with `multi_contour_eval` and `multi_iou_eval` on.

use super::metric::{Tally, TallyMetric};
use crate::metrics::boxes::{IOUS, N_THRESHOLDS};

/// The metric; [`TallyMetric`] says what its fields mean. For each IoU there is a count for each threshold.
pub(super) const METRIC: TallyMetric = TallyMetric {
    name: "max_box_acc_v2",
    title: "MaxBoxAccV2",
    counts: |pair| {
        let hits = pair.box_hits()?.any.iter().flatten();
        Some(hits.map(|&hit| u32::from(hit)).collect())
    },
    value,
    interval: true,
};

/// Returns the mean over the IoUs of the greatest share.
fn value(tally: &Tally) -> Option<f64> {
    let of_ious = tally.counts.chunks_exact(N_THRESHOLDS);
    let shares: Option<Vec<f64>> = of_ious.map(|counts| tally.greatest_share(counts)).collect();
    let shares = shares.filter(|shares| shares.len() == IOUS.len())?;
    Some(shares.iter().sum::<f64>() / IOUS.len() as f64)
}
