//! The metric `epg_informative`: `epg` over the pairs whose class can say something (docs/SPEC.md B), in data
//! that also has classes which cannot: those on nearly every image, and those whose boxes cover most of it.

use super::metric::{Over, PairMetric};

pub(super) const METRIC: PairMetric = PairMetric {
    name: "epg_informative",
    title: "EPG, informative classes",
    over: Over::InformativePairs,
    ..super::epg::METRIC
};
