//! The metric `relevance_rank`: relevance rank accuracy (Arras et al. 2022, docs/SPEC.md B). Of the k cells
//! with the highest signed values, k being the number of cells inside the mask, it is the share that is inside.
//! It is undefined where the mask is empty, and the mean leaves such pairs out.
//!
//! It is Quantus' `RelevanceRankAccuracy` but for equal values. Of cells equal to the k-th Quantus takes those
//! that its sort, which is not stable, happens to put first. Here each of them counts by the same part, so that
//! a flat map has what a random order has on average.

use super::metric::{Mean, Over, PairMetric, Threshold};

/// The metric; [`PairMetric`] says what its fields mean.
pub(super) const METRIC: PairMetric = PairMetric {
    name: "relevance_rank",
    title: "Relevance rank",
    over: Over::Pairs,
    threshold: Threshold::None,
    value: |pair| {
        let k = pair.mask_area;
        (k > 0).then(|| pair.ranked().inside_of_top(k) / k as f64)
    },
    mean: Mean::OverDefined,
    interval: true,
    share: true,
    standard: false,
};
