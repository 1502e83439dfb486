//! The metric `epg_other` of a pair (an image and a class on it): the share of the positive attribution that lies
//! inside the boxes of the image's other classes and outside the class's own (docs/SPEC.md B). It is undefined
//! where `epg` is, and the mean counts that as 0. It is 0 where the image has no other class.

use super::metric::PairMetric;

/// The metric; [`PairMetric`] says what its fields mean. Fields not named here are as those of `epg`.
pub(super) const METRIC: PairMetric = PairMetric {
    name: "epg_other",
    title: "EPG, other classes",
    value: |pair| pair.energy.of(pair.outside().on_others),
    ..super::epg::METRIC
};
