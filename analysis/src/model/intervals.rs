//! Computes 95 % bootstrap intervals as percentiles of replicates, and of differences of replicates.
//!
//! A replicate is a metric's value over one resample of the test images. The evaluator computes the
//! replicates, because it has the formulas. Replicate number r is of the same resample in every run on the same
//! images ([`crate::load`] refuses other seeds), so the difference of two runs in it is a subtraction (a paired
//! interval).

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

/// With fewer replicates than this there is no percentile interval: its ends would be the outermost few.
pub const LEAST_REPLICATES: usize = 100;

/// Returns the 2.5th and 97.5th percentile of `replicates`; `None` with fewer than [`LEAST_REPLICATES`] finite ones.
pub fn interval(replicates: &Replicates) -> Option<Interval> {
    between(replicates.values().copied().collect())
}

/// Returns the same percentiles of `replicates − baseline`, over the replicate numbers that both have.
pub fn paired(replicates: &Replicates, baseline: &Replicates) -> Option<Interval> {
    let difference = |(number, value): (&i32, &f64)| Some(value - baseline.get(number)?);
    between(replicates.iter().filter_map(difference).collect())
}

/// Returns the same percentiles of `values`.
pub fn between(mut values: Vec<f64>) -> Option<Interval> {
    values.retain(|value| value.is_finite());
    if values.len() < LEAST_REPLICATES {
        return None;
    }
    values.sort_by(f64::total_cmp);
    Some(Interval {
        low: percentile(&values, TAIL),
        high: percentile(&values, 1.0 - TAIL),
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
        // 150 numbers; the baseline lacks every third of them, and has one that is not finite.
        let run: Replicates = (0..150).map(|number| (number, f64::from(number))).collect();
        let mut baseline: Replicates = (0..200)
            .filter(|number| number % 3 != 0)
            .map(|number| (number, 0.5))
            .collect();
        baseline.insert(3, 0.5);
        baseline.insert(4, f64::NAN);
        // numpy.percentile of {0 … 149 not divisible by 3} ∪ {3} − {4}, less 0.5, at 2.5 and 97.5
        let found = paired(&run, &baseline).expect("100 pairs");
        assert!(
            (found.low - 3.45).abs() < 1e-9 && (found.high - 145.025).abs() < 1e-9,
            "{found:?}"
        );
        baseline.remove(&1);
        assert_eq!(paired(&run, &baseline), None);
        assert_eq!(interval(&Replicates::new()), None);
    }
}
