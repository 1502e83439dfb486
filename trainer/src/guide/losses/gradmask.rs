//! The localization loss GradMask (Simpson et al. 2019): Σ (1 − M) · A², the squared attribution outside the
//! mask M. The authors' code takes the gradient for the map A; here A may be the map of any method. Unlike in
//! the loss RRR* (`rrr.rs`), the map is not divided by its maximum.

use crate::guide::loss::LocalizationLoss;
use crate::guide::post_processing::{sum, upsample};

/// The loss.
pub const GRADMASK: LocalizationLoss = LocalizationLoss {
    name: "gradmask",
    title: "GradMask",
    options: &[],
    needs_areas: false,
    value: |given| {
        let maps = upsample(given.maps, given.masks)?;
        let outside = given.masks.f_neg()?.f_add_scalar(1.0)?;
        sum(&maps.f_square()?.f_mul(&outside)?)
    },
};

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
        let loss = Loss::new(GRADMASK, &[]).unwrap();
        let found = loss.values(&map, &mask, &[]).unwrap().double_value(&[0]);
        // By hand, where the mask is 0: 1² + 0.25² + 1.5².
        assert_eq!(found, 3.3125);
    }
}
