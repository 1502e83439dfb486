//! The localization loss L1: (1/HW) Σ |M − Â⁺|, the mean absolute difference over the H × W pixels between the
//! mask M and the map Â⁺, which is clamped at 0, divided by its maximum and up-sampled to the mask's size.

use crate::guide::loss::LocalizationLoss;
use crate::guide::post_processing::{scale, upsample};

/// The loss.
pub const L1: LocalizationLoss = LocalizationLoss {
    name: "l1",
    title: "L1",
    options: &[],
    needs_areas: false,
    value: |given| {
        let scaled = upsample(&scale(&given.maps.f_clamp_min(0.0)?)?, given.masks)?;
        given
            .masks
            .f_sub(&scaled)?
            .f_abs()?
            .f_mean_dim([1i64, 2].as_slice(), false, None)
    },
};
