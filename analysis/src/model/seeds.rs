//! Groups runs that differ in the seed alone, and computes mean and standard deviation of numbers, such as a
//! metric over such runs.

use statrs::distribution::{ContinuousCDF, StudentsT};

use crate::model::configuration::Amount;
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

/// Returns the 97.5 % quantile of Student's t with `n − 1` degrees of freedom: half the width of a 95 %
/// interval of a mean over `n` runs, in standard errors. Infinite for fewer than two.
pub fn t_quantile(n: usize) -> f64 {
    let freedom = n.saturating_sub(1) as f64;
    StudentsT::new(0.0, 1.0, freedom).map_or(f64::INFINITY, |t| t.inverse_cdf(0.975))
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

    #[test]
    fn quantiles_are_those_of_scipy() {
        // scipy.stats.t.ppf(0.975, n - 1)
        for (n, expected) in [
            (2, 12.706_204_736_174_69),
            (3, 4.302_652_729_749_462),
            (4, 3.182_446_305_283_708),
            (21, 2.085_963_447_265_864),
            (61, 2.000_297_822_014_26),
        ] {
            assert!((t_quantile(n) - expected).abs() < 1e-7, "{n}");
        }
        assert_eq!(t_quantile(0), f64::INFINITY);
        assert_eq!(t_quantile(1), f64::INFINITY);
    }
}
