//! The metric `gini`: Gini index of a map's absolute values (Chalasani et al. 2020, docs/SPEC.md B), which says
//! how sparse it is. Flat maps have 0, and one of n cells of which a single one is not 0 has 1 − 1/n. With aᵢ
//! the absolute values from the lowest to the highest it is Σ (2i − n − 1) aᵢ / (n Σ aᵢ). The mask is not looked
//! at. It is undefined where the map is 0 everywhere, and the mean leaves such pairs out.
//!
//! It is Quantus' `Sparseness`, which divides by the maximum and adds 1e-7 to each value, so that it has about
//! 1e-7 · n / Σ aᵢ less in parts of the index and a map of zeros has 0.

use super::metric::{Mean, Over, PairMetric, Threshold};
use super::ranked::Ranked;

/// The metric; [`PairMetric`] says what its fields mean.
pub(super) const METRIC: PairMetric = PairMetric {
    name: "gini",
    title: "Gini index",
    over: Over::Pairs,
    threshold: Threshold::None,
    value: |pair| gini(pair.ranked()),
    mean: Mean::OverDefined,
    interval: true,
    share: false,
    standard: false,
};

/// Returns the Gini index of the absolute values; `None` where all are 0.
fn gini(ranked: &Ranked) -> Option<f64> {
    let magnitudes = ranked.magnitudes();
    let n = magnitudes.len() as f64;
    let (mut sum, mut weighted) = (0.0, 0.0);
    let mut weight = n - 1.0; // 2i − n − 1, for i from n down
    for magnitude in magnitudes.map(f64::from) {
        sum += magnitude;
        weighted += weight * magnitude;
        weight -= 2.0;
    }
    (sum > 0.0).then(|| weighted / (n * sum))
}
