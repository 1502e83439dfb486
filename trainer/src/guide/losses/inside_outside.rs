//! RobustViT's two sides (Chefer et al. 2022), each with a weight of its own:
//! inside · mean M·(Â⁺ − 1)² + outside · mean (1 − M)·Â⁺², the means over all pixels. RobustViT scales its
//! relevance by minimum and maximum to 0–1 after up-sampling it. Here the map is clamped at 0 and divided by
//! its maximum before up-sampling, as in L1, so that a map of zeros has a loss, too.

use tch::{TchError, Tensor};

use crate::guide::loss::{Given, LocalizationLoss, LossOption};
use crate::guide::post_processing::{scale, upsample};

/// Upper bound of both weights: a larger common factor belongs into λ.
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
        // Printed by Python: mean over inside 0.2604166666666667, over outside 0.09635416666666667.
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
