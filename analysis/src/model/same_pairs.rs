//! Compares values of guided runs with those of their baselines on the same pairs (an image and a class on it), for
//! the exhibit `faithfulness`.
//!
//! The interval of a mean over pairs is Student's over images: an image's pairs stay together. With m images, N
//! pairs and eᵢ the sum over the pairs of image i of what they differ from the mean, the mean's variance is
//! m/(m − 1) · Σ eᵢ²/N². Of two seeds' means on the same images the covariance is the same with a product in the
//! place of the square; with it the interval over seeds is that of [`effect`].

use std::collections::{BTreeMap, BTreeSet};

use crate::model::faithfulness::Values;
use crate::model::intervals::Interval;
use crate::model::over_seeds::Difference;
use crate::model::seeds::moments;
use crate::statistics::effect;

/// The change of a measure, and the pairs that it is over.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Change {
    /// Before and after, and the difference with its interval.
    pub difference: Difference,
    /// The number of pairs that have the measure before and after, of the seed that has fewest.
    pub n_pairs: usize,
}

/// Compares values after and before guidance, a pair of them for each seed, over the pairs that both have. `None`
/// where a seed has no such pair.
pub fn change(seeds: &[(&Values, &Values)]) -> Option<Change> {
    let seeds: Vec<OfSeed> = seeds
        .iter()
        .map(|(after, before)| OfSeed::new(after, before))
        .collect::<Option<_>>()?;
    let mean = |of: fn(&OfSeed) -> f64| {
        let values: Vec<f64> = seeds.iter().map(of).collect();
        moments(&values).map(|found| found.mean)
    };
    let differences: Vec<f64> = seeds.iter().map(OfSeed::difference).collect();
    let interval = match seeds.as_slice() {
        [one] => one.interval(),
        all => {
            let pairs = (0..all.len()).flat_map(|i| (i + 1..all.len()).map(move |j| (i, j)));
            let of_images = pairs.map(|(i, j)| all[i].covariance(&all[j]));
            let covariances: Option<Vec<(f64, usize)>> = of_images.collect();
            covariances.and_then(|covariances| {
                let n_images = covariances.iter().map(|(_, n)| *n).min()?;
                let covariances: Vec<f64> = covariances.iter().map(|(c, _)| *c).collect();
                effect::interval(&differences, moments(&covariances)?.mean, n_images)
            })
        }
    };
    Some(Change {
        difference: Difference {
            before: mean(|seed| seed.before)?,
            after: mean(|seed| seed.after)?,
            difference: mean(|seed| seed.difference())?,
            interval,
        },
        n_pairs: seeds.iter().map(|seed| seed.n_pairs).min()?,
    })
}

/// One seed's means before and after, and what each image differs.
struct OfSeed<'a> {
    before: f64,
    after: f64,
    n_pairs: usize,
    /// The sum over an image's pairs of their difference, less the mean difference, each.
    residuals: BTreeMap<&'a str, f64>,
}

impl<'a> OfSeed<'a> {
    fn new(after: &'a Values, before: &Values) -> Option<Self> {
        let both = after
            .iter()
            .filter_map(|((image, class), after)| {
                let before = before.get(&(image.clone(), *class))?;
                Some((image.as_str(), *after, *before))
            })
            .collect::<Vec<_>>();
        let mean = |of: fn(&(&str, f64, f64)) -> f64| {
            moments(&both.iter().map(of).collect::<Vec<f64>>()).map(|found| found.mean)
        };
        let (after, before) = (mean(|pair| pair.1)?, mean(|pair| pair.2)?);
        let mut residuals: BTreeMap<&str, f64> = BTreeMap::new();
        for (image, own, other) in &both {
            *residuals.entry(image).or_default() += (own - other) - (after - before);
        }
        Some(OfSeed {
            before,
            after,
            n_pairs: both.len(),
            residuals,
        })
    }

    fn difference(&self) -> f64 {
        self.after - self.before
    }

    /// The covariance of the two seeds' mean differences, by the images that they share, and the number of these.
    /// `None` for fewer than two.
    fn covariance(&self, other: &OfSeed) -> Option<(f64, usize)> {
        let images: BTreeSet<&str> = self.residuals.keys().copied().collect();
        let shared = images.iter().filter_map(|image| {
            let (own, theirs) = (self.residuals.get(image)?, other.residuals.get(image)?);
            Some(own * theirs)
        });
        let products: Vec<f64> = shared.collect();
        let m = products.len() as f64;
        let n = self.n_pairs as f64 * other.n_pairs as f64;
        let sum: f64 = products.iter().sum();
        (products.len() > 1).then(|| (m / (m - 1.0) * sum / n, products.len()))
    }

    /// The interval of the mean difference over images; `None` for fewer than two.
    fn interval(&self) -> Option<Interval> {
        let (variance, n_images) = self.covariance(self)?;
        Some(effect::over_images(self.difference(), variance, n_images))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn values(of: &[(&str, i32, f64)]) -> Values {
        let pairs = of.iter();
        pairs
            .map(|(image, class, value)| (((*image).to_owned(), *class), *value))
            .collect()
    }

    fn close(found: f64, expected: f64) -> bool {
        (found - expected).abs() < 1e-9
    }

    /// One pair an image: the interval is that of numpy and scipy, d.mean() ± t.ppf(0.975, 3) · d.std(ddof=1)/2 with
    /// d = [0.1, 0.3, 0.2, 0.0].
    #[test]
    fn one_pair_an_image_is_a_paired_t_interval() {
        let before = values(&[
            ("a", 0, 0.5),
            ("b", 1, 0.5),
            ("c", 0, 0.1),
            ("d", 0, 0.9),
            ("e", 0, 7.0),
        ]);
        let after = values(&[
            ("a", 0, 0.6),
            ("b", 1, 0.8),
            ("c", 0, 0.3),
            ("d", 0, 0.9),
            ("f", 0, 9.0),
        ]);
        let found = change(&[(&after, &before)]).unwrap();
        assert_eq!(found.n_pairs, 4);
        assert!(close(found.difference.before, 0.5) && close(found.difference.after, 0.65));
        assert!(close(found.difference.difference, 0.15));
        let half = 3.182_446_305_283_708 * (0.05_f64 / 3.0).sqrt() / 2.0;
        let interval = found.difference.interval.unwrap();
        assert!(close(interval.low, 0.15 - half) && close(interval.high, 0.15 + half));
    }

    /// An image with the same pair twice is no more evidence than once, but for its weight.
    #[test]
    fn pairs_of_an_image_stay_together() {
        let once = values(&[("a", 0, 0.1), ("b", 0, 0.3)]);
        let twice = values(&[("a", 0, 0.1), ("a", 1, 0.1), ("b", 0, 0.3), ("b", 1, 0.3)]);
        let zero = |values: &Values| values.keys().map(|key| (key.clone(), 0.0)).collect();
        let of = |after: &Values| change(&[(after, &zero(after))]).unwrap().difference;
        assert_eq!(of(&once).interval, of(&twice).interval);
        assert!(of(&once).interval.is_some());
        // A single image has no interval, and no common pair no change.
        assert_eq!(of(&values(&[("a", 0, 0.1), ("a", 1, 0.2)])).interval, None);
        assert_eq!(change(&[(&once, &values(&[("c", 0, 1.0)]))]), None);
    }

    /// Two seeds with the same differences: s² is 0, and what is left is the variance over images, with its degrees
    /// of freedom, as of one seed.
    #[test]
    fn seeds_that_agree_have_the_interval_over_images() {
        let before = values(&[("a", 0, 0.5), ("b", 1, 0.5), ("c", 0, 0.1), ("d", 0, 0.9)]);
        let after = values(&[("a", 0, 0.6), ("b", 1, 0.8), ("c", 0, 0.3), ("d", 0, 0.9)]);
        let one = change(&[(&after, &before)]).unwrap().difference;
        let two = change(&[(&after, &before), (&after, &before)])
            .unwrap()
            .difference;
        let (one, two) = (one.interval.unwrap(), two.interval.unwrap());
        assert!(
            close(one.low, two.low) && close(one.high, two.high),
            "{one:?} {two:?}"
        );
    }
}
