//! The metric `epg_background`: the share of the positive attribution that lies outside the boxes of all
//! classes of the image (docs/SPEC.md B). It is undefined where `epg` is, and the mean counts that as 0. A
//! pair's `epg`, `epg_other` and `epg_background` add up to 1.

use super::metric::PairMetric;

pub(super) const METRIC: PairMetric = PairMetric {
    name: "epg_background",
    title: "EPG, background",
    value: |pair| pair.energy.of(pair.outside().on_background),
    ..super::epg::METRIC
};
