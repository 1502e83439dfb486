//! The localization loss RRR*: Σ (1 − M) · Â², the squared positive and negative attribution outside the mask
//! M; Â is the map divided by its largest absolute value and up-sampled. At a map of zeros the gradient is 0;
//! the paper's official code gives NaN there.

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
