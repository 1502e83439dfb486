//! RRR*: Σ (1 − M) · Â², of positive and negative attribution outside the mask. Where the official code
//! gives NaN, the gradient at a map of zeros, it is 0.

use crate::guide::loss::LocalizationLoss;
use crate::guide::post_processing::{scale, sum, upsample};

/// The loss.
pub const RRR: LocalizationLoss = LocalizationLoss {
    name: "rrr",
    title: "RRR*",
    options: &[],
    needs_areas: false,
    value: |given| {
        let scaled = upsample(&scale(given.maps)?, given.masks)?;
        let outside = given.masks.f_neg()?.f_add_scalar(1.0)?;
        sum(&scaled.f_square()?.f_mul(&outside)?)
    },
};
