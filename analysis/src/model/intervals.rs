//! Computes 95 % bootstrap intervals as percentiles of replicates, and of differences of replicates.
//!
//! A replicate is a metric's value over one resample of the test images. The evaluator computes the
//! replicates, because it has the formulas. Replicate number r is of the same resample in every run, so
//! the difference of two runs in it is a subtraction (a paired interval).

use std::collections::BTreeMap;

/// The ends of an interval, in the unit of the values, which are fractions mostly.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Interval {
    /// The lower end: the 2.5th percentile unless stated otherwise.
    pub low: f64,
    /// The upper end.
    pub high: f64,
}

/// One metric's replicates by replicate number; those in which it is undefined are absent.
pub type Replicates = BTreeMap<i32, f64>;

/// The share of replicates left out at each end of a 95 % interval.
pub const TAIL: f64 = 0.025;

/// Returns the 2.5th and 97.5th percentile of `replicates`; `None` when fewer than two are finite.
pub fn interval(replicates: &Replicates) -> Option<Interval> {
    combined(&[(1.0, replicates)], TAIL)
}

/// Returns the same percentiles of `replicates − baseline`, over the replicate numbers that both have.
pub fn paired(replicates: &Replicates, baseline: &Replicates) -> Option<Interval> {
    combined(&[(1.0, replicates), (-1.0, baseline)], TAIL)
}

/// Returns the percentiles `tail` and 1 − `tail` (fractions) of the sum of weight × replicate, over the
/// replicate numbers that all terms have. `terms` are pairs of a weight and a metric's replicates. `None` when
/// there are fewer than two finite sums.
pub fn combined(terms: &[(f64, &Replicates)], tail: f64) -> Option<Interval> {
    let (_, first) = terms.first()?;
    let sum = |number: &i32| -> Option<f64> {
        terms
            .iter()
            .map(|(weight, replicates)| Some(weight * replicates.get(number)?))
            .sum()
    };
    between(first.keys().filter_map(sum).collect(), tail)
}

/// Returns the percentiles `tail` and 1 − `tail` (fractions) of `values`; `None` when fewer than two are
/// finite.
pub fn between(mut values: Vec<f64>, tail: f64) -> Option<Interval> {
    values.retain(|value| value.is_finite());
    if values.len() < 2 {
        return None;
    }
    values.sort_by(f64::total_cmp);
    Some(Interval {
        low: percentile(&values, tail),
        high: percentile(&values, 1.0 - tail),
    })
}

/// Returns the quantile `q` (0 to 1) of `sorted`, which must not be empty. Between two values it is
/// interpolated linearly, which is numpy's default.
pub fn percentile(sorted: &[f64], q: f64) -> f64 {
    let position = q * (sorted.len() - 1) as f64;
    let below = position.floor() as usize;
    let above = (below + 1).min(sorted.len() - 1);
    sorted[below] + (sorted[above] - sorted[below]) * (position - below as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_interpolate_like_numpy() {
        // numpy.percentile([0, 1, 2, 3, 10], [0, 2.5, 50, 97.5, 100])
        let values = [0.0, 1.0, 2.0, 3.0, 10.0];
        for (q, expected) in [
            (0.0, 0.0),
            (0.025, 0.1),
            (0.5, 2.0),
            (0.975, 9.3),
            (1.0, 10.0),
        ] {
            assert!((percentile(&values, q) - expected).abs() < 1e-12, "{q}");
        }
    }

    #[test]
    fn pairs_only_the_replicates_both_have() {
        let run: Replicates = [(0, 0.5), (1, 0.9), (2, 0.6), (7, 0.0)].into();
        let baseline: Replicates = [(0, 0.4), (2, 0.4), (3, 0.9), (7, f64::NAN)].into();
        // Both have 0, 2 and 7, and 7 is not finite. The differences in 0 and 2 are 0.1 and 0.2.
        let found = paired(&run, &baseline).expect("two pairs");
        assert!((found.low - 0.1025).abs() < 1e-12 && (found.high - 0.1975).abs() < 1e-12);
        assert_eq!(paired(&run, &[(1, 0.1)].into()), None);
        assert_eq!(interval(&Replicates::new()), None);
        // 2 · run − baseline over replicates 0 and 2: 0.6 and 0.8.
        let found = combined(&[(2.0, &run), (-1.0, &baseline)], 0.25).expect("two sums");
        assert!((found.low - 0.65).abs() < 1e-12 && (found.high - 0.75).abs() < 1e-12);
    }
}
