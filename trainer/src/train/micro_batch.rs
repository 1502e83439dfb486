//! Computes the gradient of a training step in several forward and backward passes over fewer images
//! each (gradient accumulation), which takes less memory. Without batch norm
//! ([`crate::network::Architecture::has_batch_statistics`] is false) the result is the gradient of the
//! whole batch, except for rounding.
//!
//! The classification loss is a mean over the batch; the localization loss (on attribution maps, weighted by λ) is
//! a sum (docs/SPEC.md A.1). A pass over the share s of the batch's images therefore has the objective
//! L_class + (λ/s) · Σ L_loc. Its gradient is multiplied by s, which gives that of s · L_class + λ · Σ L_loc, and
//! the gradients of the passes are added up.

use tch::{TchError, Tensor};

use crate::guide::objective::Terms;

/// The sums over the passes of one batch.
#[derive(Debug)]
pub struct Sum {
    /// The gradient of the objective with respect to all trained tensors, as one vector.
    pub gradient: Tensor,
    /// [`Terms::values`] of the whole batch.
    pub values: Tensor,
}

/// Splits `images` into passes of `n_pass` images (the last may have fewer) and adds up their results.
/// `pass` is called with a pass's images and 1/s, by which it multiplies λ; it returns the terms of the
/// objective and the gradient.
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
        // The classification loss and the gradient are weighted by s; the other values are sums.
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
