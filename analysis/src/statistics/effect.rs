//! A difference as a mean over seeds, with an interval and p-values that count two sources of variance: what
//! another training would give, and what other test images would.
//!
//! For S seeds with differences d₁ … d_S on the same images, the mean's variance is s²/S + max(0, C). s² is the
//! sample variance of the differences. C is the mean, over all pairs of seeds, of the covariance of their
//! differences over bootstrap resamples of the images: what the shared images add. (A seed's own variance over
//! images is in s² already.) The distribution is Student's, with degrees of freedom by Welch and Satterthwaite:
//! S − 1 for the first term; for the second, one less than the number of images or of resamples, whichever is
//! smaller.

use statrs::distribution::{ContinuousCDF, StudentsT};

use crate::model::intervals::{self, Interval, TAIL};
use crate::model::seeds::moments;
use crate::statistics::rules::{MIN_SEEDS, Weighed};

/// More seeds than this are never proposed.
const MOST_SEEDS: usize = 1000;

/// A number on the test images, and on each bootstrap resample of them.
#[derive(Debug, Clone, PartialEq)]
pub struct Measured {
    /// On the test images.
    pub value: f64,
    /// On resamples, the same ones at the same index for all that is compared; NaN where undefined. Empty without
    /// replicates.
    pub resampled: Vec<f64>,
}

impl Measured {
    /// What `of` makes of several numbers, on the test images and on each resample that all have.
    pub fn combined(all: &[&Self], of: impl Fn(&[f64]) -> f64) -> Self {
        let n = all.iter().map(|one| one.resampled.len()).min().unwrap_or(0);
        let values: Vec<f64> = all.iter().map(|one| one.value).collect();
        let mut at = vec![0.0; all.len()];
        let resampled = (0..n).map(|index| {
            for (at, one) in at.iter_mut().zip(all) {
                *at = one.resampled[index];
            }
            of(&at)
        });
        Self {
            resampled: resampled.collect(),
            value: of(&values),
        }
    }

    /// This minus another.
    pub fn minus(&self, other: &Self) -> Self {
        Self::combined(&[self, other], |values| values[0] - values[1])
    }
}

/// A difference, as a mean over seeds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Effect {
    /// The mean.
    pub mean: f64,
    /// The number of seeds.
    pub seeds: usize,
    /// Its 95 % interval: over images alone where there is one seed, else over seeds and images. `None` where
    /// replicates are missing.
    pub interval: Option<Interval>,
    /// Its variance, where there are several seeds and replicates.
    spread: Option<Variances>,
}

/// The two parts of a mean's variance.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Variances {
    /// s²: between the differences of the seeds.
    between_seeds: f64,
    /// max(0, C): of the images, which all seeds share.
    of_images: f64,
    /// Degrees of freedom of the latter.
    freedom_of_images: f64,
}

impl Variances {
    /// Student's t at a mean over that many seeds, and its standard error; `None` where nothing varies.
    fn student(&self, seeds: usize) -> Option<(StudentsT, f64)> {
        let seeds = seeds as f64;
        student(&[
            (self.between_seeds / seeds, seeds - 1.0),
            (self.of_images, self.freedom_of_images),
        ])
    }
}

/// Returns Student's t of a number whose variance is the sum of `parts`, each a variance and its degrees of freedom, and
/// the number's standard error. The degrees of freedom are Welch and Satterthwaite's. `None` where nothing varies.
fn student(parts: &[(f64, f64)]) -> Option<(StudentsT, f64)> {
    let variance: f64 = parts.iter().map(|(variance, _)| variance).sum();
    if variance <= 0.0 {
        return None;
    }
    let weighted = parts
        .iter()
        .map(|(variance, freedom)| variance.powi(2) / freedom);
    let freedom = variance.powi(2) / weighted.sum::<f64>();
    Some((StudentsT::new(0.0, 1.0, freedom).ok()?, variance.sqrt()))
}

/// The 95 % interval of a number with that distribution; without width where nothing varies.
fn around(mean: f64, student: Option<(StudentsT, f64)>) -> Interval {
    let half = student.map_or(0.0, |(student, error)| {
        student.inverse_cdf(1.0 - TAIL) * error
    });
    Interval {
        low: mean - half,
        high: mean + half,
    }
}

impl Effect {
    /// The mean of `differences`, one for each seed, all on the same images. `n` is the number of images or pairs
    /// that they are over. `None` without any.
    pub fn of(differences: &[Measured], n: usize) -> Option<Self> {
        let values: Vec<f64> = differences.iter().map(|one| one.value).collect();
        let found = moments(&values)?;
        let spread = found.std.and_then(|std| {
            let (of_images, n_resamples) = shared(differences)?;
            Some(Variances {
                between_seeds: std * std,
                of_images: of_images.max(0.0),
                freedom_of_images: freedom_of_images(n, n_resamples),
            })
        });
        let mut effect = Self {
            mean: found.mean,
            seeds: found.n,
            interval: None,
            spread,
        };
        effect.interval = match (differences, spread) {
            ([one], _) => intervals::between(one.resampled.clone()),
            (_, spread) => spread.map(|spread| around(found.mean, spread.student(found.n))),
        };
        Some(effect)
    }

    /// The mean of a measurement that was repeated and that test images have no part in, such as a time: each value
    /// stands for a seed. `None` without any.
    pub fn repeated(values: &[f64]) -> Option<Self> {
        let found = moments(values)?;
        let spread = found.std.map(|std| Variances {
            between_seeds: std * std,
            of_images: 0.0,
            freedom_of_images: 1.0,
        });
        Some(Self {
            mean: found.mean,
            seeds: found.n,
            interval: spread.map(|spread| around(found.mean, spread.student(found.n))),
            spread,
        })
    }

    /// Weighs the statement that the difference is above `bound`. With fewer than [`MIN_SEEDS`] seeds, without
    /// replicates, and where nothing varies, neither side has anything for it.
    pub fn above(&self, bound: f64) -> Weighed {
        let enough = self.spread.filter(|_| self.seeds >= MIN_SEEDS);
        let student = enough.and_then(|spread| spread.student(self.seeds));
        let (p_for, p_against) = student.map_or((1.0, 1.0), |(student, error)| {
            let below = student.cdf((bound - self.mean) / error);
            (below, 1.0 - below)
        });
        Weighed {
            seeds: self.seeds,
            p_for,
            p_against,
        }
    }

    /// The number of seeds at which the mean and variance seen here would put the difference on its side of
    /// `bound` at this one-sided level: at least [`MIN_SEEDS`]. `None` where the variance is not known, or nothing varies; `Err` where
    /// no number of seeds does, as the images vary too much.
    pub fn seeds_needed(&self, bound: f64, level: f64) -> Option<Result<usize, TooFewImages>> {
        let spread = self.spread?;
        spread.student(self.seeds)?;
        let far = (self.mean - bound).abs();
        let decides = |seeds: &usize| {
            let student = spread.student(*seeds);
            student.is_some_and(|(student, error)| student.cdf(-far / error) <= level)
        };
        // The variance falls and the degrees of freedom rise with the seeds, so that the first can be halved towards.
        if !decides(&MOST_SEEDS) {
            return Some(Err(TooFewImages));
        }
        let (mut low, mut high) = (MIN_SEEDS, MOST_SEEDS);
        while low < high {
            let middle = low.midpoint(high);
            match decides(&middle) {
                true => high = middle,
                false => low = middle + 1,
            }
        }
        Some(Ok(low))
    }
}

/// Returns the 95 % interval of the mean of `differences`, one for each of several seeds. `of_images` is C where it is
/// known otherwise than from resamples, from `n` images. `None` for fewer than two seeds.
pub fn interval(differences: &[f64], of_images: f64, n: usize) -> Option<Interval> {
    let found = moments(differences)?;
    let spread = Variances {
        between_seeds: found.std?.powi(2),
        of_images: of_images.max(0.0),
        freedom_of_images: freedom_of_images(n, n),
    };
    Some(around(found.mean, spread.student(found.n)))
}

/// Returns the 95 % interval of a mean with this variance over `n` images, two at least.
pub fn over_images(mean: f64, variance: f64, n: usize) -> Interval {
    around(mean, student(&[(variance, freedom_of_images(n, n))]))
}

/// More seeds would not decide: the interval over test images alone is too wide.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooFewImages;

/// Returns the mean of `b` minus the mean of `a`, and its 95 % interval, where the runs of the two sides belong to no
/// pairs: any number of seeds on either side, all on the same `n` images or pairs. Each side adds its s²/S, and the
/// images C_a + C_b − 2·C_ab: the mean covariances of two seeds of a side, and of a seed of each. With one seed
/// on a side the interval is over images alone. `None` without seeds.
pub fn unpaired(a: &[Measured], b: &[Measured], n: usize) -> Option<(f64, Option<Interval>)> {
    let (mean_a, mean_b) = (mean(a)?, mean(b)?);
    let difference = mean_b.minus(&mean_a);
    let of_side = |side: &[Measured]| -> Option<((f64, f64), (f64, usize))> {
        let values: Vec<f64> = side.iter().map(|one| one.value).collect();
        let found = moments(&values)?;
        let seeds = found.n as f64;
        Some(((found.std?.powi(2) / seeds, seeds - 1.0), shared(side)?))
    };
    let interval = || {
        let ((part_a, (c_a, n_a)), (part_b, (c_b, n_b))) = (of_side(a)?, of_side(b)?);
        let across = a.iter().flat_map(|a| b.iter().map(move |b| (a, b)));
        let (c_ab, n_ab) = mean_covariance(across)?;
        let of_images = (c_a + c_b - 2.0 * c_ab).max(0.0);
        let freedom = freedom_of_images(n, n_a.min(n_b).min(n_ab));
        Some(around(
            difference.value,
            student(&[part_a, part_b, (of_images, freedom)]),
        ))
    };
    let interval = match a.len() == 1 || b.len() == 1 {
        true => intervals::between(difference.resampled.clone()),
        false => interval(),
    };
    Some((difference.value, interval))
}

/// The mean over seeds, on the images and on each resample.
fn mean(all: &[Measured]) -> Option<Measured> {
    let all: Vec<&Measured> = all.iter().collect();
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
    (!all.is_empty()).then(|| Measured::combined(&all, mean))
}

/// Degrees of freedom of a variance over images.
fn freedom_of_images(n: usize, n_resamples: usize) -> f64 {
    n.min(n_resamples).saturating_sub(1).max(1) as f64
}

/// Returns C, the mean covariance of two seeds over resamples, and the least number of resamples that it is over;
/// `None` where two seeds have fewer than two in common.
fn shared(all: &[Measured]) -> Option<(f64, usize)> {
    let pairs = all.iter().enumerate();
    mean_covariance(pairs.flat_map(|(i, a)| all[i + 1..].iter().map(move |b| (a, b))))
}

/// The mean covariance of pairs over resamples, and the least number of resamples that it is over.
fn mean_covariance<'a>(
    pairs: impl Iterator<Item = (&'a Measured, &'a Measured)>,
) -> Option<(f64, usize)> {
    let mut sum = 0.0;
    let mut n_pairs = 0;
    let mut least = usize::MAX;
    for (a, b) in pairs {
        let (covariance, n) = covariance(&a.resampled, &b.resampled)?;
        sum += covariance;
        n_pairs += 1;
        least = least.min(n);
    }
    (n_pairs > 0).then(|| (sum / f64::from(n_pairs), least))
}

/// The sample covariance of two series over the places where both are finite, and how many these are; `None` for
/// fewer than two.
fn covariance(a: &[f64], b: &[f64]) -> Option<(f64, usize)> {
    let both = || {
        let pairs = a.iter().zip(b);
        pairs.filter(|(a, b)| a.is_finite() && b.is_finite())
    };
    let (mut n, mut mean_a, mut mean_b) = (0_usize, 0.0, 0.0);
    for (a, b) in both() {
        n += 1;
        mean_a += a;
        mean_b += b;
    }
    if n < 2 {
        return None;
    }
    (mean_a, mean_b) = (mean_a / n as f64, mean_b / n as f64);
    let products = both().map(|(a, b)| (a - mean_a) * (b - mean_b));
    Some((products.sum::<f64>() / (n - 1) as f64, n))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::statistics::rules::LEVEL;

    fn measured(value: f64, resampled: &[f64]) -> Measured {
        Measured {
            value,
            resampled: resampled.to_vec(),
        }
    }

    fn three() -> [Measured; 3] {
        [
            measured(0.10, &[0.08, 0.10, 0.12, 0.10]),
            measured(0.14, &[0.12, 0.13, 0.17, 0.14]),
            measured(0.09, &[0.09, 0.08, 0.10, 0.09]),
        ]
    }

    /// Numbers by numpy and scipy: d = [0.1, 0.14, 0.09]; c = mean of numpy.cov over pairs of rows of `resampled`;
    /// v = d.var(ddof=1)/3 + c; f = v²/((d.var(ddof=1)/3)²/2 + c²/3), as three seeds have 2 degrees of freedom and
    /// four resamples 3; the interval is d.mean() ± scipy.stats.t.ppf(0.975, f) · √v, the p-value of a mean above
    /// 0.05 is scipy.stats.t.sf((d.mean() − 0.05)/√v, f).
    #[test]
    fn the_interval_is_that_of_scipy() {
        let found = Effect::of(&three(), 50).unwrap();
        let interval = found.interval.unwrap();
        assert!((interval.low - 0.055_990_582_448).abs() < 1e-9, "{found:?}");
        assert!(
            (interval.high - 0.164_009_417_552).abs() < 1e-9,
            "{found:?}"
        );
        let weighed = found.above(0.05);
        assert!(
            (weighed.p_for - 0.018_078_585_342).abs() < 1e-9,
            "{weighed:?}"
        );
        assert!((weighed.p_for + weighed.p_against - 1.0).abs() < 1e-12);
    }

    /// Numbers by numpy and scipy, as in the evaluator's test of the same name (`evaluator/src/compare/over_seeds.rs`):
    /// a = three(), b = two others; v = Σ var(ddof=1)/S + c, c = c_a + c_b − 2·c_ab from numpy.cov of rows;
    /// f = v²/(Σ (var/S)²/(S − 1) + c²/3).
    #[test]
    fn sides_without_pairs_have_the_interval_of_scipy() {
        let b = [
            measured(0.20, &[0.17, 0.19, 0.24, 0.20]),
            measured(0.23, &[0.20, 0.21, 0.28, 0.24]),
        ];
        let (found, interval) = unpaired(&three(), &b, 50).unwrap();
        let interval = interval.unwrap();
        assert!((found - 0.105).abs() < 1e-12);
        assert!(
            (interval.low - 0.036_176_415_379).abs() < 1e-9,
            "{interval:?}"
        );
        assert!(
            (interval.high - 0.173_823_584_621).abs() < 1e-9,
            "{interval:?}"
        );
        // One seed on a side: images alone, of which there are too few resamples.
        assert_eq!(unpaired(&three()[..1], &b, 50).unwrap().1, None);
        assert_eq!(unpaired(&[], &b, 50), None);
    }

    #[test]
    fn what_never_varies_is_open() {
        let none = vec![measured(0.0, &[0.0; 4]); 3];
        let found = Effect::of(&none, 50).unwrap();
        let interval = found.interval.unwrap();
        assert_eq!((interval.low, interval.high), (0.0, 0.0));
        assert_eq!(
            (found.above(0.0).p_for, found.above(0.0).p_against),
            (1.0, 1.0)
        );
        assert_eq!(found.seeds_needed(0.0, LEVEL), None);
    }

    #[test]
    fn without_replicates_there_is_no_interval() {
        let bare = [0.1, 0.2, 0.3].map(|value| measured(value, &[]));
        let found = Effect::of(&bare, 50).unwrap();
        assert_eq!(found.interval, None);
        assert_eq!(found.above(0.0).p_for, 1.0);
        assert_eq!(Effect::of(&[], 50), None);
    }

    #[test]
    fn one_or_two_seeds_have_an_interval_and_decide_nothing() {
        let resampled: Vec<f64> = (0..200).map(|i| 0.5 + f64::from(i) / 1000.0).collect();
        let one = Effect::of(&[measured(0.6, &resampled)], 50).unwrap();
        // numpy.percentile(0.5 + numpy.arange(200) / 1000, [2.5, 97.5])
        let interval = one.interval.unwrap();
        assert!(
            (interval.low - 0.504_975).abs() < 1e-12 && (interval.high - 0.694_025).abs() < 1e-12
        );
        let two = Effect::of(&three()[..2], 50).unwrap();
        assert!(two.interval.is_some());
        for few in [one, two] {
            assert_eq!((few.above(0.0).p_for, few.above(0.0).p_against), (1.0, 1.0));
        }
        assert_eq!(one.seeds_needed(0.0, LEVEL), None);
    }

    #[test]
    fn more_seeds_decide_where_the_images_let_them() {
        // By scipy: with S seeds v = 0.03²/S + 1e-6, f = v²/((0.03²/S)²/(S − 1) + 1e-12/99), and 0.02 is above
        // scipy.stats.t.ppf(0.975, f) · √v from S = 12 on.
        let effect = |of_images: f64| Effect {
            mean: 0.02,
            seeds: 3,
            interval: None,
            spread: Some(Variances {
                between_seeds: 9e-4,
                of_images,
                freedom_of_images: 99.0,
            }),
        };
        assert_eq!(effect(1e-6).seeds_needed(0.0, LEVEL), Some(Ok(12)));
        // The images alone have a deviation of 0.02.
        assert_eq!(
            effect(4e-4).seeds_needed(0.0, LEVEL),
            Some(Err(TooFewImages))
        );
    }
}
