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
    value: |pair| gini(pair.ranked(), pair.map.len()),
    mean: Mean::OverDefined,
    interval: true,
    share: false,
    standard: false,
};

/// Returns the Gini index of the absolute values of `n` cells; `None` where all are 0.
fn gini(ranked: &Ranked, n: usize) -> Option<f64> {
    let (n, m) = (n as f64, ranked.n_nonzero());
    let (mut sum, mut weighted) = (0.0, 0.0);
    // 2i − n − 1 of the highest one, i being n, and of the lowest one that is not 0.
    let (mut high_weight, mut low_weight) = (n - 1.0, n + 1.0 - 2.0 * m as f64);
    let mut middle = (0.0, 0.0);
    for (high, low) in ranked.magnitudes() {
        let (high, low) = (f64::from(high), f64::from(low));
        sum += high + low;
        weighted += high_weight * high + low_weight * low;
        middle = (high, high_weight * high);
        high_weight -= 2.0;
        low_weight += 2.0;
    }
    if m % 2 == 1 {
        // It was in the last pair twice.
        sum -= middle.0;
        weighted -= middle.1;
    }
    (sum > 0.0).then(|| weighted / (n * sum))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use data_prep::geometry::{Grid, Mask};

    #[test]
    fn gini_is_its_formula_over_sorted_values() {
        for (n, n_zeros) in [(1, 0), (2, 0), (3, 1), (40, 7), (41, 7), (41, 40), (41, 0)] {
            let map: Vec<f32> = (0..n)
                .map(|i| {
                    if i < n_zeros {
                        0.0
                    } else {
                        (i * 23 % 47 - 20) as f32 + 0.5
                    }
                })
                .collect();
            let mut sorted: Vec<f64> = map.iter().map(|value| f64::from(value.abs())).collect();
            sorted.sort_by(f64::total_cmp);
            let weighted: f64 = (1..)
                .zip(&sorted)
                .map(|(i, a)| f64::from(2 * i - n - 1) * a)
                .sum();
            let expected = weighted / (f64::from(n) * sorted.iter().sum::<f64>());
            let mask = Mask::empty(Grid {
                height: 1,
                width: map.len(),
            });
            let found = gini(&Ranked::new(&map, &mask, 0), map.len()).unwrap();
            assert!(
                (found - expected).abs() < 1e-14,
                "{n} {n_zeros}: {found} {expected}"
            );
        }
    }
}
