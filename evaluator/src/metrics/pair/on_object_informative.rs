//! The metric `on_object_informative`: `on_object` (the positive attribution inside the class's segmentation, divided
//! by that inside its mask) over the pairs (an image and a class on it) that have a segmentation and whose class can say
//! something about guidance (docs/SPEC.md B). As with `epg_informative`, only data that also has classes which cannot
//! has this metric.

use super::metric::{Over, PairMetric};

/// The metric; [`PairMetric`] says what its fields mean. Fields not named here are as those of `on_object`.
pub(super) const METRIC: PairMetric = PairMetric {
    name: "on_object_informative",
    title: "On-object EPG, informative classes",
    over: Over::InformativeSegmentedPairs,
    ..super::on_object::METRIC
};
