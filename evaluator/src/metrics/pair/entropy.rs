//! The metric `entropy` of a map, its complexity (Bhatt et al. 2020, docs/SPEC.md B): −Σ p ln p of p = |A| / Σ
//! |A|, each cell's part of the absolute values. It is 0 for a map of which a single cell is not 0, and ln n,
//! 10.8 for 224 × 224 cells, for a flat one. The mask is not looked at. It is undefined where the map is 0
//! everywhere, and the mean leaves such pairs out.
//!
//! It is Quantus' `Complexity`, which adds 1e-12 to p in the logarithm, and has NaN for a map of zeros.

use super::metric::{Mean, Over, PairMetric, Threshold};

/// The metric; [`PairMetric`] says what its fields mean.
pub(super) const METRIC: PairMetric = PairMetric {
    name: "entropy",
    title: "Entropy",
    over: Over::Pairs,
    threshold: Threshold::None,
    value: |pair| entropy(pair.map),
    mean: Mean::OverDefined,
    interval: true,
    share: false,
    standard: false,
};

/// Returns the entropy of the absolute values; `None` where all are 0.
fn entropy(map: &[f32]) -> Option<f64> {
    let absolute = map.iter().map(|value| f64::from(value.abs()));
    let sum: f64 = absolute.clone().sum();
    let parts = absolute
        .filter(|&value| value > 0.0)
        .map(|value| value / sum);
    let entropy: f64 = parts.map(|part| -part * part.ln()).sum();
    (sum > 0.0).then_some(entropy)
}
