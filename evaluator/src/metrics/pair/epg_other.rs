//! The metric `epg_other`: the share of the positive attribution that lies inside the boxes of the image's
//! other classes and outside the class's own (docs/SPEC.md B). It is undefined where `epg` is, and the mean
//! counts that as 0; 0 where the image has no other class.

use super::metric::PairMetric;

pub(super) const METRIC: PairMetric = PairMetric {
    name: "epg_other",
    title: "EPG, other classes",
    value: |pair| pair.energy.of(pair.outside().on_others),
    ..super::epg::METRIC
};
