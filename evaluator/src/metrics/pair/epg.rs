//! Energy pointing game (paper §3.3, SPEC B) as the paper's code computes it: undefined where the
//! positive attribution is below an absolute constant; undefined counts as 0.

use super::metric::{Mean, Over, PairMetric, Threshold};

pub(super) const METRIC: PairMetric = PairMetric {
    name: "epg",
    title: "EPG",
    over: Over::Pairs,
    threshold: Threshold::None,
    value: |pair| pair.energy.epg(),
    mean: Mean::UndefinedAsZero,
    interval: true,
    share: true,
};
