//! The metric `top_k_intersection` (Theiner et al. 2022, docs/SPEC.md B): of the k cells with the highest
//! signed values, the share that is inside the mask. k is 1000 of 224 × 224 cells, about 2 %, and as large a
//! part of another grid, rounded up. It is undefined where the mask is empty, and the mean leaves such pairs
//! out.
//!
//! It is Quantus' `TopKIntersection` at 224 × 224 cells, where its k is 1000; on another grid Quantus keeps
//! k = 1000. Equal values count as in `relevance_rank`. Quantus' `concept_influence`, the same divided by the
//! mask's share of the cells, is left out.

use super::metric::{Mean, Over, PairMetric, Threshold};

/// The number of highest cells looked at in a map of [`OF_CELLS`].
const K: usize = 1000;
/// The number of cells of which [`K`] are looked at.
const OF_CELLS: usize = 224 * 224;

/// The metric; [`PairMetric`] says what its fields mean.
pub(super) const METRIC: PairMetric = PairMetric {
    name: "top_k_intersection",
    title: "Top-k intersection",
    over: Over::Pairs,
    threshold: Threshold::None,
    value: |pair| {
        let k = (pair.map.len() * K).div_ceil(OF_CELLS);
        (pair.mask_area > 0).then(|| pair.ranked().inside_of_top(k) / k as f64)
    },
    mean: Mean::OverDefined,
    interval: true,
    share: true,
    standard: false,
};
