//! Computes convolutions and matrix products in the [`Precision`] that a training run is configured with. For
//! bf16, 32-bit inputs are rounded to 16 bits before the product and the output is converted back, so outputs
//! and derivatives are 32-bit.

use tch::{Kind, TchError, Tensor};

use crate::names::Precision;
use crate::network::pass::window::Window;

/// No bias, for libtorch's functions.
const NO_TENSOR: Option<Tensor> = None;

/// Returns a 32-bit tensor as bf16 if that is the precision; other tensors as they are.
fn narrow(tensor: &Tensor, precision: Precision) -> Result<Tensor, TchError> {
    match (precision, tensor.kind()) {
        (Precision::Bf16, Kind::Float) => tensor.f_to_kind(Kind::BFloat16),
        _ => Ok(tensor.shallow_clone()),
    }
}

/// Returns a bf16 tensor as 32-bit; other tensors as they are.
fn wide(tensor: Tensor) -> Result<Tensor, TchError> {
    match tensor.kind() {
        Kind::BFloat16 => tensor.f_to_kind(Kind::Float),
        _ => Ok(tensor),
    }
}

/// The convolution of `x` (N, C_in, H, W) with `weight` (C_out, C_in / groups, kernel, kernel), without bias.
pub(crate) fn conv(
    x: &Tensor,
    weight: &Tensor,
    window: Window,
    precision: Precision,
) -> Result<Tensor, TchError> {
    let (x, weight) = (narrow(x, precision)?, narrow(weight, precision)?);
    wide(x.f_conv2d(
        &weight,
        NO_TENSOR.as_ref(),
        [window.stride; 2],
        window.padding,
        [1, 1],
        window.groups,
    )?)
}

/// The transposed convolution of `g` (N, C_out, H', W'), the gradient at a convolution's output, with its
/// `weight`: the gradient at its input. `left_over` is PyTorch's `output_padding`, [rows, columns].
pub(crate) fn conv_transposed(
    g: &Tensor,
    weight: &Tensor,
    window: Window,
    left_over: [i64; 2],
    precision: Precision,
) -> Result<Tensor, TchError> {
    let (g, weight) = (narrow(g, precision)?, narrow(weight, precision)?);
    wide(g.f_conv_transpose2d(
        &weight,
        NO_TENSOR.as_ref(),
        [window.stride; 2],
        window.padding,
        left_over,
        window.groups,
        [1, 1],
    )?)
}

/// x · weightᵀ + bias over the last axis: (…, in) to (…, out), with `weight` (out, in).
pub(crate) fn linear(
    x: &Tensor,
    weight: &Tensor,
    bias: Option<&Tensor>,
    precision: Precision,
) -> Result<Tensor, TchError> {
    let bias = bias.map(|bias| narrow(bias, precision)).transpose()?;
    let (x, weight) = (narrow(x, precision)?, narrow(weight, precision)?);
    wide(x.f_linear(&weight, bias.as_ref())?)
}

/// The matrix product a · b over the last two axes, for each index of the axes before.
pub(crate) fn matmul(a: &Tensor, b: &Tensor, precision: Precision) -> Result<Tensor, TchError> {
    wide(narrow(a, precision)?.f_matmul(&narrow(b, precision)?)?)
}
