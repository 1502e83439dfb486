//! The metric `average_precision` of a pair (an image and a class on it): that of a map's cells
//! (docs/SPEC.md B), the signed value being the score and the mask the truth, Σ (Rₙ − Rₙ₋₁) Pₙ over distinct
//! values with recall R and precision P. It is undefined where the mask is empty, and the mean leaves such pairs
//! out. The mean of classes over images, from logits, is `map`.
//!
//! It is scikit-learn's `average_precision_score`, which returns 0 for an empty mask.

use super::metric::{Mean, Over, PairMetric, Threshold};

/// The metric; [`PairMetric`] says what its fields mean.
pub(super) const METRIC: PairMetric = PairMetric {
    name: "average_precision",
    title: "Average precision of cells",
    over: Over::Pairs,
    threshold: Threshold::None,
    value: |pair| {
        let mut inside = 0;
        let parts = pair.ranked().ties().iter().map(|tie| {
            inside += tie.inside;
            f64::from(tie.inside) * (f64::from(inside) / f64::from(tie.above + tie.cells))
        });
        let sum: f64 = parts.sum();
        (inside > 0).then(|| sum / f64::from(inside))
    },
    mean: Mean::OverDefined,
    interval: true,
    share: true,
    standard: false,
};
