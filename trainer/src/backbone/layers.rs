//! The layers the backbones are written in: convolution, batch norm and linear, each holding its
//! tensors under PyTorch's names.

use tch::{TchError, Tensor};

use crate::backbone::Mode;
use crate::params::{Init, Params};

/// How a convolution pads.
#[derive(Clone, Copy, Debug)]
pub enum Padding {
    /// The same number of zeros on every side: PyTorch's.
    Zeros(i64),
    /// TensorFlow's "SAME": output size ⌈input/stride⌉, the odd pixel to the right and bottom.
    Same,
}

/// A convolution without bias.
#[derive(Debug)]
pub struct Conv {
    weight: Tensor,
    stride: i64,
    padding: Padding,
    groups: i64,
}

impl Conv {
    /// `name.weight` of shape (out, in / groups, kernel, kernel).
    pub fn new(
        p: &mut Params,
        name: &str,
        (c_in, c_out, kernel): (i64, i64, i64),
        stride: i64,
        padding: Padding,
        groups: i64,
    ) -> Self {
        let weight = p.weight(
            format!("{name}.weight"),
            &[c_out, c_in / groups, kernel, kernel],
            Init::KaimingNormalFanOut,
        );
        Conv {
            weight,
            stride,
            padding,
            groups,
        }
    }

    /// (N, C_in, H, W) to (N, C_out, H', W').
    pub fn forward(&self, x: &Tensor) -> Result<Tensor, TchError> {
        let (kernel, size) = (self.weight.size()[2], x.size());
        let (padded, zeros) = match self.padding {
            Padding::Zeros(zeros) => (None, [zeros, zeros]),
            Padding::Same => {
                let (top, bottom) = same_padding(size[2], kernel, self.stride);
                let (left, right) = same_padding(size[3], kernel, self.stride);
                if (top, left) == (bottom, right) {
                    (None, [top, left])
                } else {
                    (
                        Some(x.f_constant_pad_nd([left, right, top, bottom])?),
                        [0, 0],
                    )
                }
            }
        };
        let none: Option<Tensor> = None;
        padded.as_ref().unwrap_or(x).f_conv2d(
            &self.weight,
            none,
            [self.stride, self.stride],
            zeros,
            [1, 1],
            self.groups,
        )
    }
}

/// Zeros before and after one axis under TensorFlow's "SAME".
fn same_padding(size: i64, kernel: i64, stride: i64) -> (i64, i64) {
    let out = (size + stride - 1) / stride;
    let total = ((out - 1) * stride + kernel - size).max(0);
    (total / 2, total - total / 2)
}

/// Batch normalisation with affine weights.
#[derive(Debug)]
pub struct BatchNorm {
    weight: Tensor,
    bias: Tensor,
    running_mean: Tensor,
    running_var: Tensor,
    momentum: f64,
    eps: f64,
}

impl BatchNorm {
    /// `name.{weight, bias, running_mean, running_var}`, each of `channels` elements.
    pub fn new(p: &mut Params, name: &str, channels: i64, momentum: f64, eps: f64) -> Self {
        BatchNorm {
            weight: p.weight(format!("{name}.weight"), &[channels], Init::Constant(1.0)),
            bias: p.weight(format!("{name}.bias"), &[channels], Init::Constant(0.0)),
            running_mean: p.buffer(format!("{name}.running_mean"), &[channels], 0.0),
            running_var: p.buffer(format!("{name}.running_var"), &[channels], 1.0),
            momentum,
            eps,
        }
    }

    /// Batch statistics in [`Mode::Train`] (which also moves the running ones), running ones else.
    pub fn forward(&self, x: &Tensor, mode: Mode) -> Result<Tensor, TchError> {
        x.f_batch_norm(
            Some(&self.weight),
            Some(&self.bias),
            Some(&self.running_mean),
            Some(&self.running_var),
            mode == Mode::Train,
            self.momentum,
            self.eps,
            true,
        )
    }
}

/// A linear layer with bias.
#[derive(Debug)]
pub struct Linear {
    weight: Tensor,
    bias: Tensor,
}

impl Linear {
    /// `name.weight` of shape (out, in) and `name.bias`, PyTorch's default initialisation.
    pub fn new(p: &mut Params, name: &str, c_in: i64, c_out: i64) -> Self {
        Linear {
            weight: p.weight(
                format!("{name}.weight"),
                &[c_out, c_in],
                Init::UniformFanIn(c_in),
            ),
            bias: p.weight(format!("{name}.bias"), &[c_out], Init::UniformFanIn(c_in)),
        }
    }

    /// (N, in) to (N, out).
    pub fn forward(&self, x: &Tensor) -> Result<Tensor, TchError> {
        x.f_linear(&self.weight, Some(&self.bias))
    }
}
