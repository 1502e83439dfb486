//! EPG with the segmentation instead of the boxes (SPEC B): Σ S·A⁺ / Σ A⁺, at any scale.

use super::metric::{Mean, Over, PairMetric, Threshold};
use crate::metrics::energy::share;

pub(super) const METRIC: PairMetric = PairMetric {
    name: "segment_epg",
    title: "Segmentation EPG",
    over: Over::SegmentedPairs,
    threshold: Threshold::None,
    value: |pair| share(pair.segment_energy?, pair.energy.total),
    mean: Mean::UndefinedAsZero,
    interval: true,
    share: true,
};
