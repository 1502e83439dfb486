//! The localization loss of RobustViT (Chefer et al. 2022), a sum of two terms with a weight each:
//! inside · mean M·(Â⁺ − 1)² + outside · mean (1 − M)·Â⁺². M is the mask, Â⁺ the map clamped at 0 and divided
//! by its maximum; the means are over all pixels. RobustViT instead scales its map to 0–1 by minimum and
//! maximum, after up-sampling it. That is undefined for a map of zeros; here such a map stays zeros and has a
//! loss, as in the loss L1.

use tch::{TchError, Tensor};

use crate::guide::loss::{Given, LocalizationLoss, LossOption};
use crate::guide::post_processing::{scale, upsample};

/// Upper bound of both weights, chosen. A factor that both have in common belongs in λ, the localization loss's
/// weight in the objective.
const HIGH: f64 = 100.0;

/// The loss; its weights are those of the authors' code (`lambda_foreground`, `lambda_background`).
pub const INSIDE_OUTSIDE: LocalizationLoss = LocalizationLoss {
    name: "inside_outside",
    title: "Inside–outside",
    options: &[
        LossOption {
            name: "inside",
            default: Some(0.3),
            low: 0.0,
            high: HIGH,
        },
        LossOption {
            name: "outside",
            default: Some(2.0),
            low: 0.0,
            high: HIGH,
        },
    ],
    needs_areas: false,
    value,
};

fn value(given: &Given) -> Result<Tensor, TchError> {
    let masks = given.masks;
    let scaled = upsample(&scale(&given.maps.f_clamp_min(0.0)?)?, masks)?;
    let mean = |t: Tensor| t.f_mean_dim([1i64, 2].as_slice(), false, None);
    let lacking = scaled.f_sub_scalar(1.0)?.f_square()?.f_mul(masks)?;
    let outside = masks.f_neg()?.f_add_scalar(1.0)?;
    let astray = scaled.f_square()?.f_mul(&outside)?;
    let inside = mean(lacking)?.f_mul_scalar(given.options[0])?;
    inside.f_add(&mean(astray)?.f_mul_scalar(given.options[1])?)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use tch::Tensor;

    use super::*;
    use crate::guide::loss::Loss;

    #[test]
    fn value_is_the_formulas() {
        let map = Tensor::from_slice(&[0.5, 2.0, -1.0, 0.25, -3.0, 1.5]).view([1, 2, 3]);
        let mask = Tensor::from_slice(&[1.0, 1.0, 0.0, 0.0, 1.0, 0.0]).view([1, 2, 3]);
        // Printed by Python: the mean of M·(Â⁺ − 1)² is 0.2604166666666667, that of (1 − M)·Â⁺² is
        // 0.09635416666666667. The first case has the default weights 0.3 and 2.
        for (options, expected) in [
            (vec![], 0.27083333333333337),
            (
                vec![("inside", 1.0), ("outside", 1.0)],
                0.2604166666666667 + 0.09635416666666667,
            ),
            (
                vec![("outside", 0.5)],
                0.3 * 0.2604166666666667 + 0.5 * 0.09635416666666667,
            ),
        ] {
            let loss = Loss::new(INSIDE_OUTSIDE, &options).unwrap();
            let found = loss.values(&map, &mask, &[]).unwrap().double_value(&[0]);
            assert!((found - expected).abs() < 1e-15, "{options:?}: {found}");
        }
    }
}
