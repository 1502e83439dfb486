//! Two significance tests for two runs on the same images: a permutation test for any metric, and McNemar's
//! test for accuracy, the share of images that are classified right. Under the null hypothesis an image's two
//! results (run A's and run B's) are exchangeable. `sides.rs` chooses the test of each metric and its input.

use rayon::prelude::*;
use statrs::distribution::{Binomial, DiscreteCDF};

use crate::random::SplitMix64;

/// Added to the seed, so that the tests' random numbers differ from those of the bootstrap with the same
/// seed.
const PURPOSE: u64 = u64::from_le_bytes(*b"permuted");

/// Statistics (all about 1 or less) that differ by less count as equal: rounding differs where the same terms are
/// summed in another order.
const TOLERANCE: f64 = 1e-12;

/// Two-sided p-value of a difference between two runs over `n_images` images.
///
/// If the runs do not differ, an image's two results are as likely the other way round. So in each of
/// `permutations` permutations a fair coin decides for each image whether its results are swapped, and
/// `difference` is called with these decisions. The p-value is the share of differences that are at
/// least as far from 0 as the observed one. The observed one counts, so the p-value is never 0. For
/// means, swapping changes the sign of the image's difference. The coins are a pure function of seed,
/// permutation and image index.
pub fn permutation_test(
    n_images: usize,
    permutations: u32,
    seed: u64,
    difference: impl Fn(&[bool]) -> f64 + Sync,
) -> f64 {
    let found = difference(&vec![false; n_images]).abs();
    let is_as_far = |swapped: &mut Vec<bool>, permutation: u32| {
        swap(swapped, seed, permutation);
        difference(swapped).abs() >= found - TOLERANCE
    };
    let n_as_far = (0..permutations)
        .into_par_iter()
        .map_init(|| vec![false; n_images], is_as_far)
        .filter(|&is_as_far| is_as_far)
        .count();
    (1 + n_as_far) as f64 / (1.0 + f64::from(permutations))
}

/// Draws for each image whether this permutation swaps its results. The 64 bits of one random number decide for 64
/// images.
fn swap(swapped: &mut [bool], seed: u64, permutation: u32) {
    let mut stream = SplitMix64::new(seed ^ PURPOSE, u64::from(permutation));
    for images in swapped.chunks_mut(u64::BITS as usize) {
        let coins = stream.draw();
        for (bit, image) in images.iter_mut().enumerate() {
            *image = coins >> bit & 1 == 1;
        }
    }
}

/// McNemar's exact two-sided p-value from the number of images that only run A classifies right, and the number of
/// those that only run B does. If the runs do not differ, such an image is one of A's with probability 1/2.
pub fn mcnemar(only_a: u64, only_b: u64) -> f64 {
    Binomial::new(0.5, only_a + only_b).map_or(1.0, |lesser| {
        (2.0 * lesser.cdf(only_a.min(only_b))).min(1.0)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the p-value for the mean of `differences`.
    fn of_mean(differences: &[f64], permutations: u32, seed: u64) -> f64 {
        permutation_test(differences.len(), permutations, seed, |swapped| {
            let terms = differences.iter().zip(swapped);
            let sum: f64 = terms.map(|(d, &swap)| if swap { -d } else { *d }).sum();
            sum / differences.len().max(1) as f64
        })
    }

    #[test]
    fn p_values_are_scipys() {
        // scipy.stats.permutation_test((d,), numpy.mean, permutation_type="samples",
        // n_resamples=numpy.inf).pvalue: all sign changes.
        let cases: [(&[f64], f64); 4] = [
            (&[1.0, 2.0, 3.0, -1.0, 0.5, 2.5, -0.5, 1.5], 0.0859375),
            (
                &[0.02, 0.05, -0.01, 0.03, 0.04, 0.06, 0.01, 0.02, 0.03, 0.05],
                0.005859375,
            ),
            (&[0.3, -0.3, 0.1, -0.1, 0.0], 1.0),
            (&[0.5, 0.0, 0.0], 1.0),
        ];
        for (differences, expected) in cases {
            let found = of_mean(differences, 100_000, 0);
            // Four standard deviations of a share of 100,000 permutations, and two counts (1 is added to each).
            let tolerance = 4.0 * (expected * (1.0 - expected) / 1e5).sqrt() + 2e-5;
            assert!(
                (found - expected).abs() <= tolerance,
                "{differences:?}: {found} {expected}"
            );
        }
    }
    #[test]
    fn coins_are_pure_and_fair() {
        let differences: Vec<f64> = (0..200).map(|i| (f64::from(i) * 0.7).sin()).collect();
        assert_eq!(of_mean(&differences, 500, 3), of_mean(&differences, 500, 3));
        assert_ne!(of_mean(&differences, 500, 3), of_mean(&differences, 500, 4));
        let mut heads = vec![0_u32; 130];
        let mut swapped = vec![false; 130];
        for permutation in 0..4000 {
            swap(&mut swapped, 0, permutation);
            for (count, &is_swapped) in heads.iter_mut().zip(&swapped) {
                *count += u32::from(is_swapped);
            }
        }
        // 2,000 of 4,000 are expected, with a standard deviation of 32: five of these are allowed.
        assert!(
            heads.iter().all(|count| count.abs_diff(2000) < 160),
            "{heads:?}"
        );
        assert_eq!(of_mean(&[], 10, 0), 1.0);
    }

    #[test]
    fn mcnemar_is_the_binomial_test() {
        // scipy.stats.binomtest(min(a, b), a + b, 0.5).pvalue
        for (only_a, only_b, expected) in [
            (0, 0, 1.0),
            (1, 0, 1.0),
            (5, 1, 0.21875),
            (10, 25, 0.016673847800120715),
            (41, 40, 1.0),
            (300, 380, 0.0024248687076998837),
            (2300, 2000, 5.079935568924055e-6),
        ] {
            let found = mcnemar(only_a, only_b);
            assert!((found / expected - 1.0).abs() < 1e-9, "{found} {expected}");
        }
    }
}
