//! What a pass through a B-cosified network does otherwise (Arya et al. 2024; docs/SPEC.md D): convolutions
//! and linear layers multiply their output by |cos|^(B − 1), batch norms and biases lose mean and bias, ReLU6
//! is a factor. All of these factors are dynamic weights: constants for the pass's vjps, but in the graph.

use tch::{Kind, TchError, Tensor};

use crate::finite;
use crate::network::bcos::{PATCH_EPS, held};
use crate::network::mode::Mode;
use crate::network::pass::bcosification::{Bcosification, EIGHTHS};
use crate::network::pass::operations::NormState;
use crate::network::pass::tape::{Pass, Value};
use crate::network::pass::window::Window;
use crate::network::pass::{fused, product};

/// Times 2 − B, added to |cos|, so that the derivative of |cos|^(B − 1) is finite at 0 for B below 2.
const SMOOTHING: f64 = 0.01;
/// Added to the squared norm of the weights of one output.
const ROW_EPS: f64 = 1e-12;
/// The smallest share of the newest batch in running statistics: these must follow a network that changes.
const LEAST_MOMENTUM: f64 = 0.1;

impl Pass {
    /// [`Pass::conv`] times |cos|^(B − 1), the cosine of patch and weights.
    pub(super) fn bcosified_conv(
        &self,
        x: &Value,
        weight: &Tensor,
        window: Window,
        at: Bcosification,
    ) -> Result<Value, TchError> {
        let (eighths, size, kernel) = (at.eighths(), x.tensor().size(), weight.size());
        let [u, squares] = match (window.groups, window.padding) {
            (1, [y, x_]) if y == x_ => {
                fused::conv_and_squares(x.tensor(), weight, window, self.precision)?
            }
            (groups, _) => {
                let squares = x.tensor().f_square()?;
                let squares = match groups == size[1] {
                    true => squares,
                    false => squares
                        .f_view([size[0], groups, size[1] / groups, size[2], size[3]])?
                        .f_sum_dim_intlist([2i64].as_slice(), false, None::<Kind>)?,
                };
                let u = product::conv(x.tensor(), weight, window, self.precision)?;
                [u, squares]
            }
        };
        let patch = sums_over_windows(&squares, &kernel[2..], window)?;
        let inverse_patch = inverse_root(&patch, PATCH_EPS)?;
        let row =
            weight
                .f_square()?
                .f_sum_dim_intlist([1i64, 2, 3].as_slice(), false, None::<Kind>)?;
        let inverse_row = inverse_root(&row, ROW_EPS)?;
        let out = fused::power_scale(&u, &inverse_patch, &inverse_row, eighths)?;
        let to = out.size();
        let out = self.map(out, x, || {
            let vjp = self.transposed(weight, window, [size[2], size[3]], [to[2], to[3]])?;
            let (u, patch, row) = (held(u), held(inverse_patch), held(inverse_row));
            Ok(Box::new(move |g| {
                vjp(&fused::power_vjp(g, &u, &patch, &row, eighths)?)
            }))
        })?;
        Ok(out.allocated())
    }

    /// [`Pass::linear`] times |cos|^(B − 1), the cosine of input and weights, and with what is left of the bias.
    pub(super) fn bcosified_linear(
        &self,
        x: &Value,
        weight: &Tensor,
        bias: Option<&Tensor>,
        at: Bcosification,
    ) -> Result<Value, TchError> {
        let precision = self.precision;
        let last = [-1i64];
        let u = product::linear(x.tensor(), weight, None, precision)?;
        let norm = |t: &Tensor, keeps: bool| {
            t.f_square()?
                .f_sum_dim_intlist(last.as_slice(), keeps, None::<Kind>)
        };
        let input = inverse_root(&norm(x.tensor(), true)?, PATCH_EPS)?;
        let row = inverse_root(&norm(weight, false)?, ROW_EPS)?;
        let exponent = at.eighths() as f64 / EIGHTHS as f64;
        let dynamic = u
            .f_abs()?
            .f_mul(&input)?
            .f_mul(&row)?
            .f_add_scalar(SMOOTHING * (1.0 - exponent))?
            .f_pow_tensor_scalar(exponent)?;
        let out = u.f_mul(&dynamic)?;
        let weight = weight.shallow_clone();
        let out = self.map(out, x, || {
            let dynamic = held(dynamic);
            Ok(Box::new(move |g| {
                product::matmul(&g.f_mul(&dynamic)?, &weight, precision)
            }))
        })?;
        match bias {
            Some(bias) => self.shift(out.allocated(), bias),
            None => Ok(out.allocated()),
        }
    }

    /// A batch norm that divides by the standard deviation, and shifts by what is left of mean and bias.
    pub(super) fn bcosified_norm(
        &self,
        x: &Value,
        norm: &NormState<'_>,
        at: Bcosification,
    ) -> Result<Value, TchError> {
        let (eps, kept) = (at.eps(norm.eps), at.kept());
        let per_channel = |t: &Tensor| t.f_view([1, -1, 1, 1]);
        let (out, scale) = match self.mode {
            Mode::Eval => {
                let scale = norm.weight.f_mul(&inverse_root(norm.var, eps)?)?;
                let shift = norm.bias.f_sub(&norm.mean.f_mul(&scale)?)?;
                let (scale, kept) = (
                    per_channel(&scale)?,
                    per_channel(&shift.f_mul_scalar(kept)?)?,
                );
                (x.tensor().f_mul(&scale)?.f_add(&kept)?, scale)
            }
            Mode::Train => {
                let [out, scale, mean, var] =
                    fused::fading_norm(x.tensor(), norm.weight, norm.bias, kept, eps)?;
                norm.follow(&mean, &var, x.tensor().numel() as i64)?;
                (out, per_channel(&scale)?)
            }
        };
        let out = self.map(out, x, || {
            let scale = held(scale);
            Ok(Box::new(move |g| g.f_mul(&scale)))
        })?;
        Ok(out.allocated())
    }

    /// Adds the logit of a class without evidence, as far as the network is B-cosified.
    pub(crate) fn evidence_to_logits(
        &self,
        evidence: &Value,
        at: Bcosification,
        bias: f64,
    ) -> Result<Value, TchError> {
        let out = evidence.tensor().f_add_scalar(at.progress() * bias)?;
        self.map(out, evidence, || Ok(Box::new(|g| Ok(g.shallow_clone()))))
    }

    /// min(max(x, `least`), `most`) for `least` ≤ 0 ≤ `most`, as x times a dynamic weight.
    pub(crate) fn clipped(&self, x: &Value, least: f64, most: f64) -> Result<Value, TchError> {
        finite::infinite_to_nan(x.tensor())?; // else ±∞ would be clamped and not be noticed
        let out = x.tensor().f_clamp(least, most)?;
        let out = self.map(out, x, || {
            let x = x.hold();
            let divisor = x.f_add(&x.f_detach()?.f_eq(0.0)?)?; // 1 in place of 0
            let factor = held(x.f_clamp(least, most)?.f_div(&divisor)?);
            Ok(Box::new(move |g| g.f_mul(&factor)))
        })?;
        Ok(out.allocated())
    }
}

impl NormState<'_> {
    /// Moves the running statistics towards `mean` and `var` of a batch of `n_values` values of all channels.
    fn follow(&self, mean: &Tensor, var: &Tensor, n_values: i64) -> Result<(), TchError> {
        let count = (n_values / mean.numel().max(1) as i64) as f64;
        let unbiased = var.f_mul_scalar(count / (count - 1.0).max(1.0))?;
        let momentum = self.momentum.max(LEAST_MOMENTUM);
        let (mut running_mean, mut running_var) =
            (self.mean.shallow_clone(), self.var.shallow_clone());
        tch::no_grad(|| {
            let _ = running_mean.f_lerp_(mean, momentum)?;
            running_var.f_lerp_(&unbiased, momentum).map(drop)
        })
    }
}

/// Returns the sum of `squares` (N, G, H, W) over each window of a convolution.
fn sums_over_windows(squares: &Tensor, kernel: &[i64], window: Window) -> Result<Tensor, TchError> {
    let (groups, stride) = (squares.size()[1], [window.stride; 2]);
    if kernel == [1, 1] && window.stride == 1 && window.padding == [0, 0] {
        return Ok(squares.shallow_clone());
    }
    if groups == 1 {
        return squares.f_avg_pool2d(kernel, stride, window.padding, false, true, Some(1));
    }
    // Many channels: libtorch's mean pooling, forwards and backwards, was a fifth of a training step's time.
    let ones = Tensor::f_ones(
        [groups, 1, kernel[0], kernel[1]],
        (squares.kind(), squares.device()),
    )?;
    let none = None::<&Tensor>;
    squares.f_conv2d(&ones, none, stride, window.padding, [1i64; 2], groups)
}

/// Returns 1 / √(`squares` + `eps`), NaN where the squares are infinite.
fn inverse_root(squares: &Tensor, eps: f64) -> Result<Tensor, TchError> {
    let sum = squares.f_add_scalar(eps)?;
    finite::infinite_to_nan(&sum)?;
    sum.f_rsqrt()
}
