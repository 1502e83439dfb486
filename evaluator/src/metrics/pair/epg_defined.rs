//! The metric `epg_defined`: energy pointing game as `epg`, but for a map of any scale. It is undefined
//! only where no attribution is positive, and the mean leaves such pairs out.

use super::metric::{Mean, Over, PairMetric, Threshold};

pub(super) const METRIC: PairMetric = PairMetric {
    name: "epg_defined",
    title: "EPG where defined",
    over: Over::Pairs,
    threshold: Threshold::None,
    value: |pair| pair.energy.share(),
    mean: Mean::OverDefined,
    interval: false,
    share: true,
};
