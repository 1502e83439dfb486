//! The metric `entropy` of a map, its complexity (Bhatt et al. 2020, docs/SPEC.md B): −Σ p ln p of p = |A| / Σ
//! |A|, each cell's part of the absolute values. It is 0 for a map of which a single cell is not 0, and ln n,
//! 10.8 for 224 × 224 cells, for a flat one. The mask is not looked at. It is undefined where the map is 0
//! everywhere, and the mean leaves such pairs out.
//!
//! It is Quantus' `Complexity`, which adds 1e-12 to p in the logarithm, and has NaN for a map of zeros.

use multiversion::multiversion;

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
#[multiversion(targets("x86_64+avx512f+avx512bw+avx512dq+avx512vl", "x86_64+avx2"))]
fn entropy(map: &[f32]) -> Option<f64> {
    let total = sum(map, |value| f64::from(value.abs()));
    let scale = 1.0 / total;
    let entropy = sum(map, |value| {
        let part = f64::from(value.abs()) * scale;
        -part * ln(part)
    });
    (total > 0.0).then_some(entropy)
}

/// Sums `part` of all values, in eight sums: with a single one, each addition would wait for the one before.
#[inline(always)]
fn sum(map: &[f32], part: impl Fn(f32) -> f64) -> f64 {
    let mut sums = [0.0; 8];
    let (chunks, last_values) = map.as_chunks::<8>();
    for values in chunks {
        for i in 0..8 {
            sums[i] += part(values[i]);
        }
    }
    for (sum, &value) in sums.iter_mut().zip(last_values) {
        *sum += part(value);
    }
    sums.iter().sum()
}

/// Returns the natural logarithm of a positive number that is not subnormal, with a relative error below 1e-12, and a
/// finite number for 0. Unlike that of the standard library it has no branch or call, so that the compiler computes
/// several at a time.
#[inline(always)]
fn ln(x: f64) -> f64 {
    const LEAST: u64 = std::f64::consts::FRAC_1_SQRT_2.to_bits();
    const MANTISSA: u64 = (1 << 52) - 1;
    const LARGE: f64 = (1_u64 << 52) as f64;
    // x = m · 2^exponent, with m from √½ to √2. An integer becomes an f64 as the lowest bits of 2^52.
    let moved = x.to_bits().wrapping_add(1.0_f64.to_bits() - LEAST);
    let exponent = f64::from_bits(moved >> 52 | LARGE.to_bits()) - (LARGE + 1023.0);
    let m = f64::from_bits((moved & MANTISSA).wrapping_add(LEAST));
    // ln m = 2 r + 2/3 r³ + 2/5 r⁵ + …
    let r = (m - 1.0) / (m + 1.0);
    let square = r * r;
    let mut series = 2.0 / 12.72; // for 2/13 and all that follows
    for k in [11.0, 9.0, 7.0, 5.0, 3.0, 1.0] {
        series = series * square + 2.0 / k;
    }
    exponent * std::f64::consts::LN_2 + r * series
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_logarithm_is_that_of_the_standard_library() {
        let is_near = |x: f64| {
            let (found, expected) = (ln(x), x.ln());
            assert!(
                (found - expected).abs() <= 1e-12 * expected.abs(),
                "{x}: {found}"
            );
        };
        for exponent in 1..2047_u64 {
            for step in 0..512_u64 {
                // Mantissas with all leading bits, and with other bits behind them.
                is_near(f64::from_bits(exponent << 52 | step << 43 | (step * step)));
            }
        }
        let edges = [
            1.0,
            2.0,
            std::f64::consts::SQRT_2,
            std::f64::consts::FRAC_1_SQRT_2,
        ];
        for edge in edges {
            for bits in edge.to_bits() - 100..edge.to_bits() + 100 {
                is_near(f64::from_bits(bits));
            }
        }
        assert!(ln(0.0).is_finite());
    }

    #[test]
    fn entropy_is_the_plain_sum_at_every_scale() {
        let plain = |map: &[f32]| -> f64 {
            let absolute = map.iter().map(|value| f64::from(value.abs()));
            let sum: f64 = absolute.clone().sum();
            let parts = absolute.map(|value| value / sum);
            parts
                .filter(|&part| part > 0.0)
                .map(|part| -part * part.ln())
                .sum()
        };
        for scale in [f32::from_bits(1), f32::MIN_POSITIVE, 1e-7, 1.0, 1e30] {
            for n in [2, 7, 8, 1003] {
                // With zeros and values of both signs, first of like size, then one far above the others.
                let mut map: Vec<f32> =
                    (0..n).map(|i| (i * 37 % 101 - 50) as f32 * scale).collect();
                for _ in 0..2 {
                    let (found, expected) = (entropy(&map).unwrap(), plain(&map));
                    assert!(
                        (found - expected).abs() <= 1e-12 * expected,
                        "{scale} {n}: {found} {expected}"
                    );
                    map[0] = 1e6 * scale;
                }
            }
        }
        assert_eq!(entropy(&[0.0, -0.0]), None);
        assert_eq!(entropy(&[0.0, -3.0, 0.0]), Some(0.0));
        assert!(entropy(&[f32::MAX; 9]).is_some_and(|found| (found - 9_f64.ln()).abs() < 1e-12));
    }
}
