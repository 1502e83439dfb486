//! The metric `epg_informative`: `epg` (the share of positive attribution inside the class's mask) over the pairs (an
//! image and a class on it) whose class can say something about guidance (docs/SPEC.md B). Only data that also has
//! classes which cannot has this metric: classes on nearly every image, and those whose boxes cover most of it.

use super::metric::{Over, PairMetric};

/// The metric; [`PairMetric`] says what its fields mean. Fields not named here are as those of `epg`.
pub(super) const METRIC: PairMetric = PairMetric {
    name: "epg_informative",
    title: "EPG, informative classes",
    over: Over::InformativePairs,
    ..super::epg::METRIC
};
