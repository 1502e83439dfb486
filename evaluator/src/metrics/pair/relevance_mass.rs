//! The metric `relevance_mass`: relevance mass accuracy (Arras et al. 2022, docs/SPEC.md B), the share of the
//! signed map that is inside the mask, Σ M·A / Σ A. Attribution for and against the class is offset, so the
//! metric can be negative or exceed 1, and is large where the map sums to nearly 0. It is undefined where the
//! mask is empty or the map sums to exactly 0, and the mean leaves such pairs out.
//!
//! It is Quantus' `RelevanceMassAccuracy`, which returns NaN for an empty mask; where the sum is 0, Quantus
//! returns an infinite number or NaN. Arras et al. make their maps positive before.

use super::mass::share_inside;
use super::metric::{Mean, Over, PairMetric, Threshold};

/// The metric; [`PairMetric`] says what its fields mean.
pub(super) const METRIC: PairMetric = PairMetric {
    name: "relevance_mass",
    title: "Relevance mass",
    over: Over::Pairs,
    threshold: Threshold::None,
    value: |pair| share_inside(pair.map, pair.mask, |value| value),
    mean: Mean::OverDefined,
    interval: true,
    share: true,
    standard: false,
};
