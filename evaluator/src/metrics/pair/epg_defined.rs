//! The metric `epg_defined`: energy pointing game as `epg` (the share of positive attribution inside the class's
//! mask), but without a least sum of attribution, so that a map's scale does not matter. It is undefined only where
//! no attribution is positive, and the mean leaves such pairs out.

use super::metric::{Mean, Over, PairMetric, Threshold};

/// The metric; [`PairMetric`] says what its fields mean.
pub(super) const METRIC: PairMetric = PairMetric {
    name: "epg_defined",
    title: "EPG where defined",
    over: Over::Pairs,
    threshold: Threshold::None,
    value: |pair| pair.energy.share(),
    mean: Mean::OverDefined,
    interval: false,
    share: true,
    standard: true,
};
