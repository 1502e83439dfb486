//! A step in several passes over fewer images each, which takes less memory. Without batch norm
//! ([`crate::network::Architecture::has_batch_statistics`] is false) the gradients of the passes add up
//! to that of the whole batch, except for rounding.
//!
//! The classification loss is a mean over the batch, the localization loss a sum (SPEC A.1). So a pass
//! over the share s of the batch has the objective L_class + (λ/s) · Σ L_loc, and its gradient is
//! multiplied by s.

use tch::{TchError, Tensor};

use crate::guide::objective::Terms;

/// The sums over the passes of one batch.
#[derive(Debug)]
pub struct Sum {
    /// The gradient of the objective by all trained tensors, as one vector.
    pub gradient: Tensor,
    /// [`Terms::values`] of the whole batch.
    pub values: Tensor,
}

/// Adds up passes over `n_pass` of `images` each. `pass` is called with its images and 1/s, by which it
/// multiplies λ, and returns its terms and their gradient.
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
