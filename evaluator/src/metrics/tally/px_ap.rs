//! The metric `px_ap`: PxAP, pixel average precision (Choe et al. 2020, docs/SPEC.md B), the average precision of the
//! cells of all maps together, those in the class's mask (its boxes) being positive. The maps are brought to 0..=1 by
//! their least and greatest value and their values taken in 1000 steps. Pairs (an image and a class on it) with
//! an empty mask are left out.
//!
//! It is the `MaskEvaluator` of wsolevaluation, which has segmentations for masks. Of each image it would have to
//! keep two thousand counts for bootstrap resamples, so it has no interval.

use super::metric::TallyMetric;
use super::pixels;

/// The metric; [`TallyMetric`] says what its fields mean.
pub(super) const METRIC: TallyMetric = TallyMetric {
    name: "px_ap",
    title: "PxAP",
    counts: |pair| pixels::counts(pair.map, pair.mask),
    value: pixels::average_precision,
    interval: false,
};
