//! The mean difference of two sides that have several seeds, with an interval and a p-value that count what another
//! training would give and what other test images would (docs/statistics.md). `analysis` has the same formulas for its
//! reports, and may depend on no crate of ours; the tests of both hold them against the same numbers of scipy.

use statrs::distribution::{ContinuousCDF, StudentsT};

/// A metric of one seed: on the test images, and on each bootstrap resample of them. Resamples of the same index have
/// the same images in all seeds; NaN where the metric is undefined.
pub(super) type Seed = (f64, Vec<f64>);

/// The mean of B minus that of A.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Mean {
    /// The ends of its 95 % interval.
    pub(super) interval: [f64; 2],
    /// Its two-sided p-value; 1 where nothing varies.
    pub(super) p_value: f64,
}

/// Returns the interval of the mean difference B − A over `n` images or pairs. `None` with fewer than two seeds on a
/// side, or fewer than two resamples in common.
///
/// Of S seeds on each side, in the same order, the differences d of the pairs have the variance s²/S + max(0, C), C the
/// mean covariance of two differences over resamples. Of unequal numbers each side adds its s²/S, and the images
/// max(0, C_a + C_b − 2·C_ab). Student's t with Welch and Satterthwaite's degrees of freedom.
pub(super) fn interval(a: &[Seed], b: &[Seed], n: usize) -> Option<Mean> {
    if a.len() == b.len() {
        let pairs = a.iter().zip(b);
        let minus = |(a, b): (&Seed, &Seed)| -> Seed {
            let resampled = a.1.iter().zip(&b.1).map(|(a, b)| b - a);
            (b.0 - a.0, resampled.collect())
        };
        let differences: Vec<Seed> = pairs.map(minus).collect();
        let (of_images, n_resamples) = covariance(pairs_within(&differences))?;
        let of_images = (of_images.max(0.0), freedom(n, n_resamples));
        return around(mean(&differences), &[of_seeds(&differences)?, of_images]);
    }
    let (c_a, n_a) = covariance(pairs_within(a))?;
    let (c_b, n_b) = covariance(pairs_within(b))?;
    let (c_ab, n_ab) = covariance(a.iter().flat_map(|a| b.iter().map(move |b| (a, b))))?;
    let of_images = (c_a + c_b - 2.0 * c_ab).max(0.0);
    let of_images = (of_images, freedom(n, n_a.min(n_b).min(n_ab)));
    around(mean(b) - mean(a), &[of_seeds(a)?, of_seeds(b)?, of_images])
}

/// The mean over seeds.
pub(super) fn mean(seeds: &[Seed]) -> f64 {
    seeds.iter().map(|(value, _)| value).sum::<f64>() / seeds.len() as f64
}

/// The part of a mean's variance that its seeds add, s²/S, and its degrees of freedom; `None` of one seed.
fn of_seeds(seeds: &[Seed]) -> Option<(f64, f64)> {
    let (n, mean) = (seeds.len() as f64, mean(seeds));
    let squares: f64 = seeds.iter().map(|(value, _)| (value - mean).powi(2)).sum();
    (seeds.len() > 1).then(|| (squares / (n - 1.0) / n, n - 1.0))
}

/// Degrees of freedom of a variance over images.
fn freedom(n: usize, n_resamples: usize) -> f64 {
    n.min(n_resamples).saturating_sub(1).max(1) as f64
}

/// The interval and p-value of a mean whose variance is the sum of `parts`, each with its degrees of freedom.
fn around(mean: f64, parts: &[(f64, f64)]) -> Option<Mean> {
    let variance: f64 = parts.iter().map(|(variance, _)| variance).sum();
    if variance <= 0.0 {
        let (interval, p_value) = ([mean, mean], 1.0);
        return Some(Mean { interval, p_value });
    }
    let weighted = parts
        .iter()
        .map(|(variance, freedom)| variance.powi(2) / freedom);
    let freedom = variance.powi(2) / weighted.sum::<f64>();
    let student = StudentsT::new(0.0, 1.0, freedom).ok()?;
    let error = variance.sqrt();
    let half = student.inverse_cdf(0.975) * error;
    Some(Mean {
        interval: [mean - half, mean + half],
        p_value: 2.0 * student.cdf(-(mean / error).abs()),
    })
}

/// All pairs of seeds of a side.
fn pairs_within(seeds: &[Seed]) -> impl Iterator<Item = (&Seed, &Seed)> {
    let pairs = seeds.iter().enumerate();
    pairs.flat_map(move |(i, a)| seeds[i + 1..].iter().map(move |b| (a, b)))
}

/// The mean of the sample covariances of pairs over resamples, and the least number of resamples that one is over;
/// `None` without pairs, or where a pair has fewer than two in common.
fn covariance<'a>(pairs: impl Iterator<Item = (&'a Seed, &'a Seed)>) -> Option<(f64, usize)> {
    let mut covariances = Vec::new();
    let mut least = usize::MAX;
    for ((_, a), (_, b)) in pairs {
        let both = a.iter().zip(b);
        let both: Vec<(f64, f64)> = both
            .map(|(a, b)| (*a, *b))
            .filter(|(a, b)| a.is_finite() && b.is_finite())
            .collect();
        if both.len() < 2 {
            return None;
        }
        least = least.min(both.len());
        let mean =
            |of: fn(&(f64, f64)) -> f64| both.iter().map(of).sum::<f64>() / both.len() as f64;
        let (a, b) = (mean(|pair| pair.0), mean(|pair| pair.1));
        let products = both.iter().map(|pair| (pair.0 - a) * (pair.1 - b));
        covariances.push(products.sum::<f64>() / (both.len() - 1) as f64);
    }
    let n = covariances.len();
    (n > 0).then(|| (covariances.iter().sum::<f64>() / n as f64, least))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn three() -> Vec<Seed> {
        vec![
            (0.10, vec![0.08, 0.10, 0.12, 0.10]),
            (0.14, vec![0.12, 0.13, 0.17, 0.14]),
            (0.09, vec![0.09, 0.08, 0.10, 0.09]),
        ]
    }

    fn close(found: &Mean, low: f64, high: f64) {
        let ends = found.interval;
        let is_close = (ends[0] - low).abs() < 1e-9 && (ends[1] - high).abs() < 1e-9;
        assert!(is_close, "{found:?}");
    }

    /// The numbers are those of `the_interval_is_that_of_scipy` in `analysis/src/statistics/effect.rs`; the p-value is
    /// 2 · scipy.stats.t.sf(d.mean()/√v, f).
    #[test]
    fn the_interval_of_pairs_is_that_of_scipy() {
        let zero = vec![(0.0, vec![0.0; 4]); 3];
        let found = interval(&zero, &three(), 50).unwrap();
        close(&found, 0.055_990_582_448, 0.164_009_417_552);
        assert!(
            (found.p_value - 0.004_028_584_271).abs() < 1e-9,
            "{found:?}"
        );
        let same = interval(&zero, &zero, 50).unwrap();
        assert_eq!((same.interval, same.p_value), ([0.0, 0.0], 1.0));
    }

    /// The numbers are those of the test of the same name there.
    #[test]
    fn sides_without_pairs_have_the_interval_of_scipy() {
        let b = vec![
            (0.20, vec![0.17, 0.19, 0.24, 0.20]),
            (0.23, vec![0.20, 0.21, 0.28, 0.24]),
        ];
        let found = interval(&three(), &b, 50).unwrap();
        close(&found, 0.036_176_415_379, 0.173_823_584_621);
        assert_eq!(interval(&three()[..1], &b, 50), None);
        assert_eq!(interval(&three()[..1], &b[..1], 50), None);
    }
}
