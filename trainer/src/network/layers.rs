//! The layers of networks without B-cos layers: convolution, batch norm and linear. Each creates its tensors
//! under PyTorch's names and runs them. B-cos layers are in [`super::bcos`].

use tch::{TchError, Tensor};

use crate::network::params::{Init, Params};
use crate::network::pass::{NormState, Pass, Value, Window};

/// How a convolution pads.
#[derive(Clone, Copy, Debug)]
pub enum Padding {
    /// The same number of zeros on every side: PyTorch's.
    Zeros(i64),
    /// TensorFlow's "SAME": as many zeros as make the output's size ⌈input/stride⌉. If their number is odd, one
    /// more goes to the right or bottom.
    Same,
}

/// Sizes of a convolution.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    /// Input channels.
    pub c_in: i64,
    /// Output channels.
    pub c_out: i64,
    /// Height and width of the window.
    pub kernel: i64,
    /// Step between windows.
    pub stride: i64,
}

impl Shape {
    /// Returns the padding, half the kernel, with which an odd kernel gives ⌈size/stride⌉ outputs.
    pub fn half_padding(self) -> i64 {
        self.kernel / 2
    }
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
        shape: Shape,
        padding: Padding,
        groups: i64,
        init: Init,
    ) -> Self {
        let weight = p.weight(
            format!("{name}.weight"),
            &[shape.c_out, shape.c_in / groups, shape.kernel, shape.kernel],
            init,
        );
        Conv {
            weight,
            stride: shape.stride,
            padding,
            groups,
        }
    }

    /// Computes the convolution, then `norm`, the sum with `shortcut` and ReLU (if `is_rectified`) as one
    /// operation. `None` if that is not possible ([`Pass::conv_block`] says when, and `Same` padding never is):
    /// the caller then computes them one after the other.
    pub fn block(
        &self,
        x: &Value,
        norm: Option<&BatchNorm>,
        shortcut: Option<&Value>,
        is_rectified: bool,
        pass: &Pass,
    ) -> Result<Option<Value>, TchError> {
        let Padding::Zeros(zeros) = self.padding else {
            return Ok(None);
        };
        let conv = (&self.weight, self.window([zeros; 2]));
        let norm = norm.map(BatchNorm::state);
        pass.conv_block(x, conv, norm.as_ref(), shortcut, is_rectified)
    }

    fn window(&self, padding: [i64; 2]) -> Window {
        Window {
            stride: self.stride,
            padding,
            groups: self.groups,
        }
    }

    /// (N, C_in, H, W) to (N, C_out, H', W').
    pub fn forward(&self, x: &Value, pass: &Pass) -> Result<Value, TchError> {
        let (kernel, size) = (self.weight.size()[2], x.tensor().size());
        match self.padding {
            Padding::Zeros(zeros) => pass.conv(x, &self.weight, self.window([zeros; 2])),
            Padding::Same => {
                let (top, bottom) = same_padding(size[2], kernel, self.stride);
                let (left, right) = same_padding(size[3], kernel, self.stride);
                if (top, left) == (bottom, right) {
                    return pass.conv(x, &self.weight, self.window([top, left]));
                }
                let padded = pass.pad(x, [left, right, top, bottom])?;
                pass.conv(&padded, &self.weight, self.window([0; 2]))
            }
        }
    }
}

/// Returns how many zeros TensorFlow's "SAME" puts before and after an axis of `size` elements.
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
    /// `name.{weight, bias, running_mean, running_var}`, each of `channels` elements. `momentum` is the share
    /// of the newest batch in the running statistics, `eps` is added to the variance.
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

    /// (N, C, H, W) to the same shape. The pass's mode decides which statistics are used.
    pub fn forward(&self, x: &Value, pass: &Pass) -> Result<Value, TchError> {
        pass.batch_norm(x, &self.state())
    }

    fn state(&self) -> NormState<'_> {
        NormState {
            weight: &self.weight,
            bias: &self.bias,
            mean: &self.running_mean,
            var: &self.running_var,
            momentum: self.momentum,
            eps: self.eps,
        }
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
    pub fn forward(&self, x: &Value, pass: &Pass) -> Result<Value, TchError> {
        pass.linear(x, &self.weight, Some(&self.bias))
    }
}
