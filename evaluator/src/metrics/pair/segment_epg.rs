//! The metric `segment_epg` of a pair (an image and a class on it): EPG, the share of positive attribution, with the
//! class's segmentation instead of its mask of boxes (docs/SPEC.md B), Σ S·A⁺ / Σ A⁺. A⁺ is the map's positive
//! part, S the mask of the segmentation. It is undefined only where no attribution is positive, and the mean counts
//! that as 0.

use super::metric::{Mean, Over, PairMetric, Threshold};
use crate::metrics::energy::share;

/// The metric; [`PairMetric`] says what its fields mean.
pub(super) const METRIC: PairMetric = PairMetric {
    name: "segment_epg",
    title: "Segmentation EPG",
    over: Over::SegmentedPairs,
    threshold: Threshold::None,
    value: |pair| share(pair.segment_energy?, pair.energy.total),
    mean: Mean::UndefinedAsZero,
    interval: true,
    share: true,
    standard: true,
};
