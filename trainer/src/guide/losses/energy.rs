//! The localization loss Energy: 1 − Σ M·A⁺ / Σ A⁺, with the mask M and the positive part A⁺ of the map. It
//! is 1 − EPG, that is one minus the share of positive attribution inside the mask. If Σ A⁺ is below 10⁻⁷,
//! nothing is divided and the loss is 1 − Σ M·A⁺.

use tch::{TchError, Tensor};

use crate::finite;
use crate::guide::loss::{Given, LocalizationLoss};
use crate::guide::post_processing::{sum, upsample};

/// A map whose positive attribution sums up to less is not divided by the sum. The official code's constant.
const TINY: f64 = 1e-7;

/// The loss.
pub const ENERGY: LocalizationLoss = LocalizationLoss {
    name: "energy",
    title: "Energy",
    options: &[],
    needs_areas: false,
    value,
};

/// Computes 1 − EPG of each map (N).
///
/// # Errors
/// libtorch's.
pub fn value(given: &Given) -> Result<Tensor, TchError> {
    let positive = upsample(given.maps, given.masks)?.f_clamp_min(0.0)?;
    let inside = sum(&positive.f_mul(given.masks)?)?;
    let total = sum(&positive)?;
    // A division by ∞ would give 0 and hide the overflow.
    finite::infinite_to_nan(&total)?;
    let is_tiny = total.f_lt(TINY)?;
    let divisor = total.f_masked_fill(&is_tiny, 1.0)?;
    inside.f_div(&divisor)?.f_neg()?.f_add_scalar(1.0)
}
