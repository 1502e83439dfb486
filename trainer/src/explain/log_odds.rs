//! Computes log-odds from the logits of a network that was trained with softmax, for images of exactly one class
//! (docs/SPEC.md A.1). Tables and map streams hold the log-odds in place of its logits: their sigmoid is the
//! softmax's probability, as the sigmoid of any other network's logit is its probability. They can also be compared
//! between images, unlike the logits of a softmax, which does not change if a constant is added to all of them.

use evaluator::metrics::pooled::arg_max;

/// Replaces the logits z of one image by log p/(1 − p) = z_c − log Σ_{j ≠ c} exp z_j, where p is the softmax of
/// z and z_c the logit of class c. Leaves all as they are if one is non-finite or there is only one class.
pub(crate) fn log_odds(logits: &mut [f32]) {
    if logits.len() < 2 || logits.iter().any(|logit| !logit.is_finite()) {
        return;
    }
    let z: Vec<f64> = logits.iter().map(|&logit| f64::from(logit)).collect();
    let best = arg_max(&z);
    let greatest = z[best];
    let powers = || z.iter().map(|z| (z - greatest).exp());
    let all: f64 = powers().sum();
    for ((class, logit), power) in logits.iter_mut().enumerate().zip(powers()) {
        let others = match class == best {
            // The greatest logit's own power is 1: in `all − 1` the small powers of the others would be lost.
            true => {
                let others = z.iter().enumerate().filter(|(other, _)| *other != best);
                log_sum_exp(others.map(|(_, &z)| z))
            }
            false => greatest + (all - power).ln(),
        };
        *logit = (z[class] - others) as f32;
    }
}

/// Returns log Σ exp of the values.
fn log_sum_exp(values: impl Iterator<Item = f64> + Clone) -> f64 {
    let greatest = values.clone().fold(f64::NEG_INFINITY, f64::max);
    greatest
        + values
            .map(|value| (value - greatest).exp())
            .sum::<f64>()
            .ln()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the log-odds of these logits.
    fn of<const N: usize>(mut logits: [f32; N]) -> [f32; N] {
        log_odds(&mut logits);
        logits
    }

    #[test]
    fn the_sigmoid_of_log_odds_is_the_softmax() {
        let logits = [1.5, -0.25, 0.75, 1.5];
        let all: f64 = logits.iter().map(|&z| f64::from(z).exp()).sum();
        for (log_odds, z) in of(logits).into_iter().zip(logits) {
            let sigmoid = 1.0 / (1.0 + (-f64::from(log_odds)).exp());
            assert!((sigmoid - f64::from(z).exp() / all).abs() < 1e-7);
        }
    }

    #[test]
    fn large_logits_keep_their_digits() {
        assert_eq!(of([1000.0, 0.0]), [1000.0, -1000.0]);
        assert_eq!(of([60.0, 0.0, 0.0]), [60.0 - 2f32.ln(), -60.0, -60.0]);
        assert_eq!(of([-1e30, 1e30]), [-2e30, 2e30]);
        assert_eq!(of([3.0]), [3.0]);
        assert!(of([f32::NAN, 1.0])[0].is_nan());
    }
}
