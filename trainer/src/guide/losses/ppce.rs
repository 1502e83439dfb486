//! The localization loss PPCE, the per-pixel cross-entropy inside the mask:
//! −(1/‖M‖₁) Σ M · max(log Â⁺, −100), with the mask M and the map Â⁺, clamped at 0, divided by its
//! maximum and up-sampled; ‖M‖₁ is the number of pixels in the mask. The backward pass is that of PyTorch's
//! BCELoss. In two cases the paper's official code gives NaN; here the loss of an empty mask is 0, and so is
//! the gradient at a map of zeros.

use tch::{Reduction, Tensor};

use crate::guide::loss::LocalizationLoss;
use crate::guide::post_processing::{scale, sum, upsample};

/// The greatest value of −log: PyTorch's BCELoss takes no logarithm below −100.
const LARGEST_CROSS_ENTROPY: f64 = 100.0;

/// The loss.
pub const PPCE: LocalizationLoss = LocalizationLoss {
    name: "ppce",
    title: "PPCE",
    options: &[],
    needs_areas: false,
    value: |given| {
        let masks = given.masks;
        let scaled = upsample(&scale(&given.maps.f_clamp_min(0.0)?)?, masks)?;
        let none: Option<Tensor> = None;
        // Interpolation may overshoot 1 by a rounding error, which BCELoss refuses.
        let ones = scaled.f_ones_like()?;
        let inside = scaled.f_clamp(0.0, 1.0)?.f_binary_cross_entropy(
            &ones,
            none.as_ref(),
            Reduction::None,
        )?;
        // Pixels outside the mask are set to 0 and not multiplied by 0, because an infinite gradient
        // times 0 would be NaN. A map of zeros gets a constant loss, because the backward pass of BCELoss
        // would divide by 1e-12 at every pixel.
        let is_zero = scaled.f_amax([1i64, 2], true)?.f_eq(0.0)?;
        let kept = inside
            .f_masked_fill(&is_zero, LARGEST_CROSS_ENTROPY)?
            .f_masked_fill(&masks.f_eq(0.0)?, 0.0)?;
        sum(&kept)?.f_div(&sum(masks)?.f_clamp_min(1.0)?)
    },
};
