//! The metric `relevance_mass_absolute`: relevance mass accuracy (Arras et al. 2022, docs/SPEC.md B) of the
//! map's absolute values, Σ M·|A| / Σ |A|. It is undefined where the mask is empty or the map is 0 everywhere,
//! and the mean leaves such pairs out.
//!
//! It is Quantus' `RelevanceMassAccuracy` with `abs=True`.

use super::mass::share_inside;
use super::metric::PairMetric;

/// The metric; [`PairMetric`] says what its fields mean. Fields not named here are as those of `relevance_mass`.
pub(super) const METRIC: PairMetric = PairMetric {
    name: "relevance_mass_absolute",
    title: "Relevance mass, absolute",
    value: |pair| share_inside(pair.map, pair.mask, f32::abs),
    ..super::relevance_mass::METRIC
};
