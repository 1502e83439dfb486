//! The metric `segment_px_ap`: pixel average precision as `px_ap`, with the class's segmentation for the mask, over the
//! pairs (an image and a class on it) that have one, as in wsolevaluation.

use super::metric::TallyMetric;
use super::pixels;

/// The metric; [`TallyMetric`] says what its fields mean. Fields not named here are as those of `px_ap`.
pub(super) const METRIC: TallyMetric = TallyMetric {
    name: "segment_px_ap",
    title: "Segmentation PxAP",
    counts: |pair| pixels::counts(pair.map, pair.segmentation?),
    ..super::px_ap::METRIC
};
