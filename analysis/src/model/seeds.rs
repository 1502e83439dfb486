//! Groups runs that differ in the seed alone, tells on which seeds λ was chosen, and computes mean and standard
//! deviation of numbers, such as a metric over such runs.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::configuration::Amount;
use crate::model::run::Run;
use crate::model::setting::Row;

/// Mean, standard deviation and number of some values.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Moments {
    /// Their mean.
    pub mean: f64,
    /// Sample standard deviation (divided by n − 1); `None` for a single value.
    pub std: Option<f64>,
    /// How many values.
    pub n: usize,
}

/// Returns mean and standard deviation of `values`; `None` if there are none.
pub fn moments(values: &[f64]) -> Option<Moments> {
    let n = values.len();
    if n == 0 {
        return None;
    }
    let mean = values.iter().sum::<f64>() / n as f64;
    let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    let std = (n > 1).then(|| (squares / (n - 1) as f64).sqrt());
    Some(Moments { mean, std, n })
}

/// Groups `rows` (runs in a setting, which are trained and scored alike) by all that decides them except the seed:
/// configuration and λ (the weight of the localization loss). The groups are in the order of their first run.
pub fn repeats<'a>(rows: impl IntoIterator<Item = &'a Row>) -> Vec<Vec<&'a Row>> {
    let key = |row: &Row| (row.run.configuration.clone(), row.run.lambda.map(Amount));
    let mut repeats: Vec<Vec<&Row>> = Vec::new();
    for row in rows {
        match repeats.iter_mut().find(|runs| key(runs[0]) == key(row)) {
            Some(runs) => runs.push(row),
            None => repeats.push(vec![row]),
        }
    }
    repeats
}

/// The seeds on which λ of a configuration (by its hash) was chosen: those with more λ than another seed has.
/// Runs that were not scored count too, because a λ that was tried and dropped is usually not scored.
pub fn tuned_on(runs: &[Run], configuration: &str) -> BTreeSet<i64> {
    let mut n_lambdas: BTreeMap<i64, usize> = BTreeMap::new();
    for run in runs.iter().filter(|run| run.configuration == configuration) {
        *n_lambdas.entry(run.seed).or_default() += 1;
    }
    let least = n_lambdas.values().copied().min();
    let more = n_lambdas.into_iter().filter(|(_, n)| Some(*n) > least);
    more.map(|(seed, _)| seed).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_those_of_numpy() {
        // numpy.mean, numpy.std(ddof=1) of [43.0, 41.0, 46.5, 43.1]
        let found = moments(&[43.0, 41.0, 46.5, 43.1]).expect("values");
        assert!((found.mean - 43.4).abs() < 1e-9 && found.n == 4);
        assert!(
            (found.std.expect("four") - 2.281_812_15).abs() < 1e-6,
            "{found:?}"
        );
        assert_eq!(moments(&[0.5]).expect("one").std, None);
        assert_eq!(moments(&[]), None);
    }
}
