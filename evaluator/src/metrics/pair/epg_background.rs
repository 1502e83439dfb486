//! The metric `epg_background` of a pair (an image and a class on it): the share of the positive attribution that
//! lies outside the boxes of all classes of the image (docs/SPEC.md B). It is undefined where `epg` is, and the
//! mean counts that as 0. Where they are defined, a pair's `epg`, `epg_other` and `epg_background` add up to 1.

use super::metric::PairMetric;

/// The metric; [`PairMetric`] says what its fields mean. Fields not named here are as those of `epg`.
pub(super) const METRIC: PairMetric = PairMetric {
    name: "epg_background",
    title: "EPG, background",
    value: |pair| pair.energy.of(pair.outside().on_background),
    ..super::epg::METRIC
};
