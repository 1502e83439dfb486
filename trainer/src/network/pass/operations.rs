//! The operations of the networks. Each computes its value and gives its vjp, the linear map from the
//! gradient at its output (`g` below) to the gradients at its inputs. The operations of B-cos layers are in
//! `network/bcos.rs`. Images are (N, C, H, W), weights of convolutions (out, in / groups, kernel, kernel).

use tch::{TchError, Tensor};

use crate::names::Precision;
use crate::network::mode::Mode;
use crate::network::pass::tape::{Node, Pass, Value, Vjp};
use crate::network::pass::window::Window;
use crate::network::pass::{fused, product};

/// The running statistics and constants of a batch norm.
#[derive(Debug)]
pub struct NormState<'a> {
    /// Learned scale of each channel (C).
    pub weight: &'a Tensor,
    /// Learned shift of each channel (C).
    pub bias: &'a Tensor,
    /// Running mean (C).
    pub mean: &'a Tensor,
    /// Running variance (C).
    pub var: &'a Tensor,
    /// Share of the newest batch in the running statistics.
    pub momentum: f64,
    /// Added to the variance.
    pub eps: f64,
}

impl NormState<'_> {
    /// Returns the factor by which the norm multiplies each channel in evaluation (C).
    fn scale(&self) -> Result<Tensor, TchError> {
        self.weight
            .f_mul(&self.var.f_add_scalar(self.eps)?.f_rsqrt()?)
    }
}

impl Pass {
    /// A convolution without bias.
    pub fn conv(&self, x: &Value, weight: &Tensor, window: Window) -> Result<Value, TchError> {
        if let Some(at) = self.bcosification {
            return self.bcosified_conv(x, weight, window, at);
        }
        let out = product::conv(x.tensor(), weight, window, self.precision)?;
        let (from, to) = (x.tensor().size(), out.size());
        let out = self.map(out, x, || {
            self.transposed(weight, window, [from[2], from[3]], [to[2], to[3]])
        })?;
        Ok(out.allocated())
    }

    /// Computes relu(norm(conv(x)) + shortcut) as one operation; `norm`, `shortcut` and ReLU (`is_rectified`) may
    /// each be left out. `None` if that is not possible, which is so in a recording pass, in training, in bf16,
    /// on a GPU, for `x` not in channels-last format, and where libtorch has no such operation
    /// ([`fused::conv_block`]).
    pub fn conv_block(
        &self,
        x: &Value,
        (weight, window): (&Tensor, Window),
        norm: Option<&NormState<'_>>,
        shortcut: Option<&Value>,
        is_rectified: bool,
    ) -> Result<Option<Value>, TchError> {
        let is_for_values = self.mode == Mode::Eval && self.tape.is_none();
        let is_narrow = self.precision == Precision::Bf16;
        let has_channels_last = x.tensor().stride()[1] == 1;
        if !is_for_values
            || self.bcosification.is_some()
            || is_narrow
            || !has_channels_last
            || x.tensor().device().is_cuda()
        {
            return Ok(None);
        }
        // In evaluation the norm is a scale and a shift of the output's channels. The weights take the scale.
        let norm = norm
            .map(|norm| {
                let scale = norm.scale()?;
                let shift = norm.bias.f_sub(&norm.mean.f_mul(&scale)?)?;
                let weight = weight.f_mul(&scale.f_view([-1, 1, 1, 1])?)?;
                Ok::<_, TchError>((weight, shift))
            })
            .transpose()?;
        let (weight, shift) = match &norm {
            Some((weight, shift)) => (weight, Some(shift)),
            None => (weight, None),
        };
        let shortcut = shortcut.map(Value::tensor);
        let out = fused::conv_block(x.tensor(), weight, shift, shortcut, window, is_rectified)?;
        out.map(|out| self.value(out, || Ok(Node::source())))
            .transpose()
    }

    /// Adds zeros around the image: so many left, right, above and below.
    pub fn pad(&self, x: &Value, zeros: [i64; 4]) -> Result<Value, TchError> {
        let out = x.tensor().f_constant_pad_nd(zeros)?;
        self.map(out, x, || {
            let cropped = zeros.map(|n| -n);
            Ok(Box::new(move |g| g.f_constant_pad_nd(cropped)))
        })
    }

    /// Batch norm: with the batch's statistics in [`Mode::Train`], where it also updates the running ones, else
    /// with the running ones.
    pub fn batch_norm(&self, x: &Value, norm: &NormState<'_>) -> Result<Value, TchError> {
        if let Some(at) = self.bcosification {
            return self.bcosified_norm(x, norm, at);
        }
        if self.mode == Mode::Train && self.tape.is_some() {
            let (out, mean, inverse_std) = x.tensor().f_native_batch_norm(
                Some(norm.weight),
                Some(norm.bias),
                Some(norm.mean),
                Some(norm.var),
                true,
                norm.momentum,
                norm.eps,
            )?;
            let out = self.map(out, x, || {
                let (x, weight) = (x.hold(), norm.weight.shallow_clone());
                Ok(Box::new(move |g| {
                    fused::batch_norm_backward(g, &x, &weight, &mean, &inverse_std)
                }))
            })?;
            return Ok(out.allocated());
        }
        let out = x.tensor().f_batch_norm(
            Some(norm.weight),
            Some(norm.bias),
            Some(norm.mean),
            Some(norm.var),
            self.mode == Mode::Train,
            norm.momentum,
            norm.eps,
            true,
        )?;
        let out = self.map(out, x, || {
            let scale = norm.scale()?.f_view([1, -1, 1, 1])?;
            Ok(Box::new(move |g| g.f_mul(&scale)))
        })?;
        Ok(out.allocated())
    }

    /// max(x, 0), in place where nobody else holds `x`.
    pub fn relu(&self, x: Value) -> Result<Value, TchError> {
        let node = x.node;
        let out = fused::rectify(x.into_own()?)?;
        let mask = out.f_detach()?;
        self.map_node(out, node, || {
            Ok(Box::new(move |g| mask.f_threshold_backward(g, 0)))
        })
    }

    /// min(max(x, 0), 6), in place where nobody else holds `x`.
    pub fn relu6(&self, x: Value) -> Result<Value, TchError> {
        if self.bcosification.is_some() && self.tape.is_some() {
            return self.clipped(&x, 0.0, 6.0);
        }
        let node = x.node;
        let out = fused::rectify_to_6(x.into_own()?)?;
        let mask = out.f_detach()?;
        self.map_node(out, node, || {
            Ok(Box::new(move |g| mask.f_hardtanh_backward(g, 0, 6)))
        })
    }

    /// x + y, in place in `x` where nobody else holds it.
    pub fn add(&self, x: Value, y: &Value) -> Result<Value, TchError> {
        let node = x.node;
        let out = x.into_own()?.f_add_(y.tensor())?;
        let out = self.value(out, || {
            Ok(Node {
                inputs: vec![node, y.node],
                vjp: Box::new(|g| Ok(vec![g.shallow_clone(), g.shallow_clone()])),
            })
        })?;
        Ok(out.allocated())
    }

    /// Concatenates the channels of x and those of y.
    pub fn beside(&self, x: &Value, y: &Value) -> Result<Value, TchError> {
        let out = Tensor::f_cat(&[x.tensor(), y.tensor()], 1)?;
        let (n_x, n_y) = (x.tensor().size()[1], y.tensor().size()[1]);
        self.value(out, || {
            Ok(Node {
                inputs: vec![x.node, y.node],
                vjp: Box::new(move |g| Ok(vec![g.f_narrow(1, 0, n_x)?, g.f_narrow(1, n_x, n_y)?])),
            })
        })
    }

    /// The maximum of every 3×3 window, stride 2, one pixel of padding.
    pub fn max_pool(&self, x: &Value) -> Result<Value, TchError> {
        let ([kernel, stride, padding, dilation], ceil) = ([[3, 3], [2, 2], [1, 1], [1, 1]], false);
        let (out, indices) = x
            .tensor()
            .f_max_pool2d_with_indices(kernel, stride, padding, dilation, ceil)?;
        self.map(out, x, || {
            let at = x.hold();
            Ok(Box::new(move |g| {
                at.f_detach()?.f_max_pool2d_with_indices_backward(
                    g, kernel, stride, padding, dilation, ceil, &indices,
                )
            }))
        })
    }

    /// The mean of every window of kernel × kernel; zeros of the padding count as pixels.
    pub fn avg_pool(
        &self,
        x: &Value,
        kernel: i64,
        stride: i64,
        padding: i64,
    ) -> Result<Value, TchError> {
        let (kernel, stride, padding) = ([kernel; 2], [stride; 2], [padding; 2]);
        let out = x
            .tensor()
            .f_avg_pool2d(kernel, stride, padding, false, true, None)?;
        self.map(out, x, || {
            let at = x.tensor().f_detach()?; // libtorch asks for it, but uses its size alone
            Ok(Box::new(move |g| {
                at.f_avg_pool2d_backward(g, kernel, stride, padding, false, true, None)
            }))
        })
    }

    /// Mean over height and width: (N, C, H, W) to (N, C).
    pub fn global_average_pool(&self, x: &Value) -> Result<Value, TchError> {
        let out = x.tensor().f_mean_dim([2i64, 3].as_slice(), false, None)?;
        let size = x.tensor().size();
        self.map(out, x, || {
            let n_pixels = (size[2] * size[3]) as f64;
            Ok(Box::new(move |g| {
                g.f_div_scalar(n_pixels)?
                    .f_view([size[0], size[1], 1, 1])?
                    .f_expand(&size, false)
            }))
        })
    }

    /// x · weightᵀ + bias over the last axis: (…, in) to (…, out), with `weight` (out, in).
    pub fn linear(
        &self,
        x: &Value,
        weight: &Tensor,
        bias: Option<&Tensor>,
    ) -> Result<Value, TchError> {
        if let Some(at) = self.bcosification {
            return self.bcosified_linear(x, weight, bias, at);
        }
        let precision = self.precision;
        let out = product::linear(x.tensor(), weight, bias, precision)?;
        let weight = weight.shallow_clone();
        self.map(out, x, || {
            Ok(Box::new(move |g| product::matmul(g, &weight, precision)))
        })
    }

    /// Returns the vjp of a convolution without bias: the transposed convolution, from the gradient at the
    /// output to that at the input. `from` is height and width of the input, `to` of the output.
    pub(crate) fn transposed(
        &self,
        weight: &Tensor,
        window: Window,
        from: [i64; 2],
        to: [i64; 2],
    ) -> Result<Vjp, TchError> {
        let kernel = weight.size();
        // Rows and columns at the end of the input that no window reaches, if the stride does not divide it.
        let left_over = [0, 1].map(|axis| {
            from[axis] + 2 * window.padding[axis]
                - kernel[2 + axis]
                - (to[axis] - 1) * window.stride
        });
        let (weight, precision) = (weight.shallow_clone(), self.precision);
        Ok(Box::new(move |g| {
            product::conv_transposed(g, &weight, window, left_over, precision)
        }))
    }
}
