//! The metric `segment_relevance_mass`: `relevance_mass` with the class's segmentation instead of its mask
//! (docs/SPEC.md B), Σ S·A / Σ A. Arras et al. 2022 have such masks, exact to the pixel.

use super::mass::share_inside;
use super::metric::{Over, PairMetric};

/// The metric; [`PairMetric`] says what its fields mean. Fields not named here are as those of `relevance_mass`.
pub(super) const METRIC: PairMetric = PairMetric {
    name: "segment_relevance_mass",
    title: "Segmentation relevance mass",
    over: Over::SegmentedPairs,
    value: |pair| share_inside(pair.map, pair.segmentation?, |value| value),
    ..super::relevance_mass::METRIC
};
