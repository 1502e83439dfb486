//! Energy pointing game at any scale of the map: undefined, and then left out, only where no
//! attribution is positive.

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
