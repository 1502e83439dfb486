//! Decides which runs (trainings) that differ in the seed alone are reported together, and computes the mean over
//! seeds of the difference between guided runs and their baselines, with an interval.
//!
//! The interval has two sources of variance: other trainings (the seed) and other test images. For S seeds
//! with differences d₁ … d_S on the same images, the mean's variance is s²/S + max(0, C). s² is the sample
//! variance of the differences. C is the mean, over all pairs of seeds, of the covariance of their differences
//! over bootstrap resamples of the images. (C is what the shared images add. A seed's own variance over images is
//! in s² already.) The interval is Student's, with degrees of freedom by Welch and Satterthwaite: S − 1 for the
//! first term; for the second, one less than the number of images or of resamples, whichever is smaller.

use std::collections::{BTreeMap, BTreeSet};

use statrs::distribution::{ContinuousCDF, StudentsT};

use crate::model::evidence::Evidence;
use crate::model::intervals::{self, Interval, Replicates};
use crate::model::run::Run;
use crate::model::seeds::{moments, repeats};
use crate::model::select::Rule;
use crate::model::setting::{Row, Setting};
use crate::model::subject::Part;

/// Runs that differ in the seed alone, as they are reported.
#[derive(Debug, Clone)]
pub struct OverSeeds<'a> {
    /// The runs.
    pub rows: Vec<&'a Row>,
    /// The seeds on which λ (the weight of the localization loss) was chosen: they have runs with more λ than the
    /// others, and are left out of `rows`.
    pub tuned_on: BTreeSet<i64>,
}

/// A metric before and after guidance, and the difference; fractions, means over seeds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Difference {
    /// The baselines' value.
    pub before: f64,
    /// The guided runs' value.
    pub after: f64,
    /// After minus before.
    pub difference: f64,
    /// Its 95 % interval: over images where there is one seed, else over seeds and images. `None` where replicates
    /// (values over bootstrap resamples) are missing.
    pub interval: Option<Interval>,
}

impl<'a> OverSeeds<'a> {
    /// Returns the guided runs in `setting` that did best on validation, together over seeds. Only runs with a
    /// baseline count, and of the groups of runs that differ in the seed alone, only those with the most seeds.
    /// Groups in which every run lost at most 1 point of its baseline's validation F1 come first; among them the
    /// highest mean validation EPG decides. If there is no such group, the highest mean validation F1 decides.
    /// `runs` are all runs, also those that were not scored. `None` without a run that has a baseline.
    pub fn preferred(runs: &[Run], setting: &'a Setting) -> Option<Self> {
        Self::among(runs, setting.guided())
    }

    /// The same among `rows`, guided runs of one setting.
    pub fn among(runs: &[Run], rows: impl Iterator<Item = &'a Row>) -> Option<Self> {
        let compared = rows.filter(|row| row.baseline.is_some());
        let candidates = repeats(compared).into_iter();
        let candidates = candidates.filter_map(|rows| {
            let tuned_on = tuned_on(runs, &rows[0].run.configuration);
            let is_left = |row: &&Row| !tuned_on.contains(&row.run.seed);
            let rows: Vec<&Row> = rows.into_iter().filter(is_left).collect();
            (!rows.is_empty()).then_some(Self { rows, tuned_on })
        });
        let candidates: Vec<Self> = candidates.collect();
        let most = candidates.iter().map(|runs| runs.rows.len()).max()?;
        let candidates = candidates.into_iter();
        candidates
            .filter(|runs| runs.rows.len() == most)
            .max_by(|a, b| {
                let ((a_kept, a), (b_kept, b)) = (a.on_validation(), b.on_validation());
                a_kept.cmp(&b_kept).then(a.total_cmp(&b))
            })
    }

    /// Returns (true, mean validation EPG) if all runs kept validation F1 within the tolerance, else (false, mean
    /// validation F1).
    fn on_validation(&self) -> (bool, f64) {
        let is_kept = |row: &&Row| row.selection.rule == Rule::HighestEpg;
        let all_kept = self.rows.iter().all(is_kept);
        let values = self.rows.iter().map(|row| match all_kept {
            true => row.selection.val_epg,
            false => row.selection.val_f1,
        });
        let values: Vec<f64> = values.collect();
        let mean = moments(&values).map_or(f64::NEG_INFINITY, |found| found.mean);
        (all_kept, mean)
    }

    /// The seeds, ascending.
    pub fn seeds(&self) -> BTreeSet<i64> {
        self.rows.iter().map(|row| row.run.seed).collect()
    }

    /// Returns the change of a metric over `part` of the test images; `None` where a run or its baseline lacks it.
    pub fn difference(
        &self,
        evidence: &Evidence,
        setting: &Setting,
        part: Part,
        metric: &str,
    ) -> Option<Difference> {
        let mut befores = Vec::new();
        let mut afters = Vec::new();
        let mut differences = Vec::new();
        let mut resampled = Vec::new();
        // The smallest number of images or pairs that a value is over.
        let mut n = usize::MAX;
        for row in &self.rows {
            let baseline = setting.baseline_of(row)?;
            let cell = row.cell(part, metric)?;
            befores.push(baseline.cell(part, metric)?.value?);
            afters.push(cell.value?);
            differences.push(cell.difference?);
            n = n.min(cell.n as usize);
            let replicates = |row: &Row| {
                let subject = setting.subject(&row.run, row.selection.epoch, part);
                evidence.results.resampled(&subject, metric)
            };
            resampled.push(replicates(row).zip(replicates(baseline)));
        }
        let resampled: Option<Vec<(&Replicates, &Replicates)>> = resampled.into_iter().collect();
        let interval = resampled.and_then(|resampled| match resampled.as_slice() {
            [(own, baseline)] => intervals::paired(own, baseline),
            all => {
                let resampled: Vec<Replicates> = all.iter().map(of_differences).collect();
                let (covariances, n_resamples) = covariances(&resampled)?;
                interval(&differences, &covariances, n.min(n_resamples))
            }
        });
        let mean = |values: &[f64]| moments(values).map(|found| found.mean);
        Some(Difference {
            before: mean(&befores)?,
            after: mean(&afters)?,
            difference: mean(&differences)?,
            interval,
        })
    }
}

/// The seeds on which λ of a configuration (by its hash) was chosen: those with more λ than another seed has.
/// Runs that were not scored count too, because a λ that was tried and dropped is usually not scored.
fn tuned_on(runs: &[Run], configuration: &str) -> BTreeSet<i64> {
    let mut n_lambdas: BTreeMap<i64, usize> = BTreeMap::new();
    for run in runs.iter().filter(|run| run.configuration == configuration) {
        *n_lambdas.entry(run.seed).or_default() += 1;
    }
    let least = n_lambdas.values().copied().min();
    let more = n_lambdas.into_iter().filter(|(_, n)| Some(*n) > least);
    more.map(|(seed, _)| seed).collect()
}

/// The differences of two runs' replicates, over the numbers that both have.
fn of_differences((own, baseline): &(&Replicates, &Replicates)) -> Replicates {
    let differences = own.iter().filter_map(|(number, value)| {
        let difference = value - baseline.get(number)?;
        difference.is_finite().then_some((*number, difference))
    });
    differences.collect()
}

/// Returns the covariance of each two seeds' differences over resamples, and the smallest number of resamples that
/// two seeds have in common. `resampled` has each seed's difference in every resample. `None` where two seeds have
/// fewer than two in common.
fn covariances(resampled: &[Replicates]) -> Option<(Vec<f64>, usize)> {
    let mut covariances = Vec::new();
    let mut n_resamples = usize::MAX;
    for (i, a) in resampled.iter().enumerate() {
        for b in &resampled[i + 1..] {
            let both = a
                .iter()
                .filter_map(|(number, a)| Some((*a, *b.get(number)?)));
            let both: Vec<(f64, f64)> = both.collect();
            n_resamples = n_resamples.min(both.len());
            covariances.push(covariance(&both)?);
        }
    }
    Some((covariances, n_resamples))
}

/// Returns the 95 % interval of the mean of `differences`, one for each of several seeds. `covariances` has that of
/// each two seeds' differences over images; it comes from `n` images or resamples.
pub(super) fn interval(differences: &[f64], covariances: &[f64], n: usize) -> Option<Interval> {
    let found = moments(differences)?;
    let seeds = found.n as f64;
    let of_seeds = found.std?.powi(2) / seeds;
    let of_images = moments(covariances)?.mean.max(0.0);
    let variance = of_seeds + of_images;
    let half = if variance > 0.0 {
        let freedom_of_images = n.saturating_sub(1).max(1) as f64;
        let freedom = variance.powi(2)
            / (of_seeds.powi(2) / (seeds - 1.0) + of_images.powi(2) / freedom_of_images);
        let student = StudentsT::new(0.0, 1.0, freedom).ok()?;
        student.inverse_cdf(0.975) * variance.sqrt()
    } else {
        0.0
    };
    Some(Interval {
        low: found.mean - half,
        high: found.mean + half,
    })
}

/// The sample covariance of pairs; `None` for fewer than two.
fn covariance(pairs: &[(f64, f64)]) -> Option<f64> {
    let n = pairs.len();
    if n < 2 {
        return None;
    }
    let mean = |of: fn(&(f64, f64)) -> f64| pairs.iter().map(of).sum::<f64>() / n as f64;
    let (a, b) = (mean(|pair| pair.0), mean(|pair| pair.1));
    let products = pairs.iter().map(|pair| (pair.0 - a) * (pair.1 - b));
    Some(products.sum::<f64>() / (n - 1) as f64)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    /// Replicates 0, 1, … with these values.
    fn replicates(values: &[f64]) -> Replicates {
        (0..).zip(values.iter().copied()).collect()
    }

    /// Numbers by numpy and scipy: d = [0.1, 0.14, 0.09]; c = mean of numpy.cov over pairs of rows of `resampled`;
    /// v = d.var(ddof=1)/3 + c; f = v²/((d.var(ddof=1)/3)²/2 + c²/3), as three seeds have 2 degrees of freedom and
    /// four resamples 3; the interval is d.mean() ± scipy.stats.t.ppf(0.975, f) · √v.
    #[test]
    fn the_interval_is_that_of_scipy() {
        let resampled = [
            replicates(&[0.08, 0.10, 0.12, 0.10]),
            replicates(&[0.12, 0.13, 0.17, 0.14]),
            replicates(&[0.09, 0.08, 0.10, 0.09]),
        ];
        let (of_images, n) = covariances(&resampled).unwrap();
        assert_eq!(n, 4);
        let found = interval(&[0.10, 0.14, 0.09], &of_images, n).unwrap();
        assert!((found.low - 0.055_990_582_448).abs() < 1e-9, "{found:?}");
        assert!((found.high - 0.164_009_417_552).abs() < 1e-9, "{found:?}");
    }

    #[test]
    fn what_never_changes_has_an_interval_without_width() {
        let none = [replicates(&[0.0; 4]), replicates(&[0.0; 4])];
        let (of_images, n) = covariances(&none).unwrap();
        let found = interval(&[0.0, 0.0], &of_images, n).unwrap();
        assert_eq!((found.low, found.high), (0.0, 0.0));
        assert_eq!(covariances(&[Replicates::new(), Replicates::new()]), None);
    }
}
