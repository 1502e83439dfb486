//! The metric `epg`: energy pointing game (paper §3.3, docs/SPEC.md B), the share of the positive
//! attribution that lies inside the mask, as the paper's code computes it. It is undefined where the
//! positive attribution sums to less than an absolute constant, and the mean counts that as 0.

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
