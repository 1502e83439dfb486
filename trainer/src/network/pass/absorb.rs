//! Gives the means and biases of batch norms to the weights of the convolutions before them, as far as a linear
//! function of the convolution's input can stand for a constant (docs/SPEC.md D): B-cos networks have neither.
//!
//! For a convolution u = w·x and the norm γ (u − μ) / σ + β behind it, the shift δ = βσ/γ − μ is wanted as a
//! linear function of the patch x. Least squares over the patches of some images gives v = (E[x xᵀ] + ε)⁻¹ E[x],
//! for which v·x is nearest to 1; then w becomes w + δ v, for each output.

use std::cell::RefCell;
use std::collections::HashMap;

use tch::{Kind, TchError, Tensor};

use crate::network::pass::operations::NormState;
use crate::network::pass::tape::{Pass, Value};
use crate::network::pass::window::Window;

/// What is known of the convolutions of a pass, by the address of their output.
pub(super) type Seen = RefCell<HashMap<usize, Seeds>>;

/// A convolution whose output the next norm may shift.
pub(super) struct Seeds {
    /// Its weight (out, in / groups, kernel, kernel).
    weight: Tensor,
    /// v for each output, of the weight's shape, or that of one output where all have the same.
    constant: Tensor,
}

/// How many images are unfolded into patches at a time.
const CHUNK: i64 = 16;
/// ε, as a share of the mean of E[x²]: it keeps v small where there are few patches.
const RIDGE: f64 = 1e-2;
/// The largest |δ|, in standard deviations of u: a norm with γ near 0 asks for more.
const MOST: f64 = 4.0;

impl Pass {
    /// Finds v for a convolution and keeps it for the norm that comes next.
    pub(super) fn see(
        &self,
        seen: &Seen,
        (x, out): (&Value, &Value),
        weight: &Tensor,
        window: Window,
    ) -> Result<(), TchError> {
        let (size, kernel) = (x.tensor().size(), weight.size());
        let (n, channels, groups) = (size[0], size[1], window.groups);
        if groups != 1 && groups != channels {
            return Ok(());
        }
        let length = kernel[1..].iter().product::<i64>();
        let number = (weight.kind(), weight.device());
        // (groups, length, length) and (groups, length).
        let mut products = Tensor::f_zeros([groups, length, length], number)?;
        let mut sums = Tensor::f_zeros([groups, length], number)?;
        let mut count = 0;
        let mut first = 0;
        while first < n {
            let images = x.tensor().f_narrow(0, first, CHUNK.min(n - first))?;
            let (of, grouped) = (images.size()[0], [-1, channels / groups, size[2], size[3]]);
            let patches = images.f_reshape(grouped)?.f_im2col(
                &kernel[2..],
                [1i64, 1],
                window.padding,
                [window.stride; 2],
            )?;
            let n_patches = patches.size()[2];
            let patches = patches.f_view([of, groups, length, n_patches])?;
            let patches = patches.f_permute([1, 2, 0, 3])?.f_flatten(2, 3)?;
            products = products.f_add(&patches.f_bmm(&patches.f_transpose(1, 2)?)?)?;
            sums =
                sums.f_add(&patches.f_sum_dim_intlist([2i64].as_slice(), false, None::<Kind>)?)?;
            count += of * n_patches;
            first += CHUNK;
        }
        let (products, means) = (
            products.f_div_scalar(count as f64)?,
            sums.f_div_scalar(count as f64)?,
        );
        let squares = products.f_diagonal(0, 1, 2)?;
        let ridge = squares.f_mean_dim([1i64].as_slice(), true, None::<Kind>)?;
        let ridge = ridge.f_mul_scalar(RIDGE)?.f_add_scalar(1e-12)?;
        let ridge = ridge
            .f_expand([groups, length], false)?
            .f_diag_embed(0, 1, 2)?;
        let products = products.f_add(&ridge)?;
        let constant = Tensor::f_linalg_solve(&products, &means.f_unsqueeze(2)?, true)?;
        if std::env::var_os("ABSORB_SHOWN").is_some() {
            let r2 = means
                .f_unsqueeze(1)?
                .f_bmm(&constant)?
                .f_mean(None::<Kind>)?;
            eprintln!(
                "absorb {kernel:?} groups {groups}: v·E[x] {:.3}",
                r2.f_double_value(&[])?
            );
        }
        let constant = constant.f_reshape([groups, kernel[1], kernel[2], kernel[3]])?;
        let seeds = Seeds {
            weight: weight.shallow_clone(),
            constant,
        };
        seen.borrow_mut().insert(address(out), seeds);
        Ok(())
    }

    /// Gives the share `share` of what `norm` shifts its input `x` by, of the batch's `mean` and `var`, to the
    /// convolution that made `x`.
    pub(super) fn absorb(
        &self,
        (seen, share): (&Seen, f64),
        x: &Value,
        norm: &NormState<'_>,
        (mean, var): (&Tensor, &Tensor),
    ) -> Result<(), TchError> {
        let Some(Seeds { weight, constant }) = seen.borrow_mut().remove(&address(x)) else {
            return Ok(());
        };
        let deviation = var.f_add_scalar(norm.eps)?.f_sqrt()?;
        let ratio = norm
            .bias
            .f_div(norm.weight)?
            .f_sub(&mean.f_div(&deviation)?)?;
        let ratio = ratio.f_nan_to_num(0.0, MOST, -MOST)?.f_clamp(-MOST, MOST)?;
        let shift = ratio.f_mul(&deviation)?.f_mul_scalar(share)?;
        let change = constant.f_mul(&shift.f_view([-1, 1, 1, 1])?)?;
        let mut weight = weight;
        tch::no_grad(|| weight.f_add_(&change).map(drop))
    }
}

/// Where the values of a tensor are.
fn address(value: &Value) -> usize {
    value.tensor().data_ptr() as usize
}
