//! The metric `on_object`: the positive attribution inside the class's segmentation, divided by that inside
//! its mask, Σ S·A⁺ / Σ M·A⁺ (docs/SPEC.md B). A⁺ is the map's positive part; S is the segmentation and M the
//! mask (the class's boxes; in the reversed task, Waterbirds' backgrounds, everything outside them). S is not cut to
//! M, so the metric can exceed 1. Where the mask has no positive attribution, the mean counts it as 0.

use super::metric::{Mean, Over, PairMetric, Threshold};
use crate::metrics::energy::share;

/// The metric; [`PairMetric`] says what its fields mean.
pub(super) const METRIC: PairMetric = PairMetric {
    name: "on_object",
    title: "On-object EPG",
    over: Over::SegmentedPairs,
    threshold: Threshold::None,
    value: |pair| share(pair.segment_energy?, pair.energy.inside),
    mean: Mean::UndefinedAsZero,
    interval: true,
    share: true,
    standard: true,
};
