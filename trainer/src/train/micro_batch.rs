//! A step in passes of fewer images each, which takes less memory. Where images do not see each other
//! ([`crate::network::Architecture::has_batch_statistics`] is false) the passes' gradients add up to the
//! batch's, but for rounding.
//!
//! The classification loss is a mean over the batch, the localization loss a sum (SPEC A.1). So a pass
//! over the share s of the batch has the objective L_class + (λ/s) · Σ L_loc and counts s times.

use tch::{TchError, Tensor};

use crate::guide::objective::Terms;

/// What the passes over one batch come to.
#[derive(Debug)]
pub struct Sum {
    /// By all trained tensors, as one vector.
    pub gradient: Tensor,
    /// As [`Terms::values`] of the whole batch.
    pub values: Tensor,
}

/// Adds up passes of `n_pass` of `images` each. `pass` is told its images and 1/s, by which it
/// multiplies λ, and gives its terms and their gradient.
///
/// # Errors
/// Those of `pass`, and libtorch's.
///
/// # Panics
/// Without images, or with `n_pass` 0.
pub fn sum<Image, E: From<TchError>>(
    images: &[Image],
    n_pass: usize,
    mut pass: impl FnMut(&[Image], f64) -> Result<(Terms, Tensor), E>,
) -> Result<Sum, E> {
    let mut sum: Option<Sum> = None;
    for part in images.chunks(n_pass) {
        let (terms, gradient) = pass(part, images.len() as f64 / part.len() as f64)?;
        let values = terms.values(&gradient)?;
        if part.len() == images.len() {
            return Ok(Sum { gradient, values });
        }
        let share = part.len() as f64 / images.len() as f64;
        // The classification loss and the gradient count by their share; the rest are sums.
        let shares = Tensor::f_from_slice(&[share, 1.0, 1.0, 1.0, share])?;
        let shares =
            crate::machine::device::upload(&shares, values.device())?.f_to_kind(values.kind())?;
        let (gradient, values) = (gradient.f_mul_scalar(share)?, values.f_mul(&shares)?);
        sum = Some(match sum {
            None => Sum { gradient, values },
            Some(before) => Sum {
                gradient: before.gradient.f_add(&gradient)?,
                values: before.values.f_add(&values)?,
            },
        });
    }
    Ok(sum.expect("a step has images"))
}
