//! B-cos layers (Böhle et al. 2022, 2024) with B = 2. A layer multiplies its input x by weights that depend on
//! x, its dynamic weights: |cos|, 1 / standard deviation of the norms, attention. For one input they are
//! numbers, so a whole network is f(x) = W(x)·x plus a constant. ŵ = w / ‖w‖ and cos = ŵ·x / ‖x‖ below.
//!
//! The backward pass that explains a logit takes the dynamic weights as constants and so gives W(x). They stay
//! in libtorch's graph (docs/SPEC.md A.3), so that the localization loss, which compares the explanation with
//! the annotated boxes and differentiates this backward pass, trains them too. `pass.map(out, x, vjp)` below
//! records such a vjp: the linear map from the gradient `g` at `out` to the gradient at `x`.

use tch::{TchError, Tensor};

use crate::finite;
use crate::network::layers::Shape;
use crate::network::mode::Mode;
use crate::network::params::{Init, Params};
use crate::network::pass::fused;
use crate::network::pass::product;
use crate::network::pass::{Pass, Value, Window};

/// Added under the root of a convolution's patch norm.
pub(crate) const PATCH_EPS: f64 = 1e-6;
/// Added to the norm of a linear layer's input.
const ROW_EPS: f64 = 1e-12;
/// Added to the variance in all norms.
const NORM_EPS: f64 = 1e-5;
/// Share of the newest batch in the running variance.
const MOMENTUM: f64 = 0.1;
/// ln(0.001 / 0.999): the logit of a class without evidence, which is a probability of 0.1 %. It is the same for
/// every number of classes (docs/SPEC.md D).
const LOGIT_BIAS: f64 = -6.906_754_778_648_554;

/// A convolution whose output is |cos(x, w)| · ŵ·x for every patch x of the input.
#[derive(Debug)]
pub struct BcosConv {
    weight: Tensor,
    stride: i64,
    padding: i64,
}

impl BcosConv {
    /// `name.linear.weight` of shape (out, in, kernel, kernel), padded by half the kernel.
    pub fn new(p: &mut Params, name: &str, shape: Shape, init: Init) -> Self {
        let weight = p.weight(
            format!("{name}.linear.weight"),
            &[shape.c_out, shape.c_in, shape.kernel, shape.kernel],
            init,
        );
        BcosConv {
            weight,
            stride: shape.stride,
            padding: shape.half_padding(),
        }
    }

    /// (N, C_in, H, W) to (N, C_out, H', W').
    pub fn forward(&self, x: &Value, pass: &Pass) -> Result<Value, TchError> {
        self.run(None, x, pass)
    }

    /// Does the same as [`BcosConv::forward`], then applies `norm`.
    pub fn forward_normed(
        &self,
        norm: &UncenteredNorm,
        x: &Value,
        pass: &Pass,
    ) -> Result<Value, TchError> {
        self.run(Some(norm), x, pass)
    }

    fn run(
        &self,
        norm: Option<&UncenteredNorm>,
        x: &Value,
        pass: &Pass,
    ) -> Result<Value, TchError> {
        let (unit, kernel) = (fused::unit_rows(&self.weight)?, self.weight.size()[2]);
        let (stride, padding) = ([self.stride; 2], [self.padding; 2]);
        let window = Window {
            stride: self.stride,
            padding,
            groups: 1,
        };
        // ŵ·x for every patch, and the sum of squares over the channels of every pixel.
        let [projected, squares] =
            fused::conv_and_squares(x.tensor(), &unit, window, pass.precision())?;
        // ‖x‖² of every patch: a pool that divides by 1 is a sum.
        let patch = if kernel == 1 && self.stride == 1 {
            squares
        } else {
            squares.f_avg_pool2d([kernel; 2], stride, padding, false, true, Some(1))?
        };
        let square = patch.f_add_scalar(PATCH_EPS)?;
        // Here and below: rsqrt and division make 0 of ∞ and would hide an overflow.
        finite::infinite_to_nan(&square)?;
        let inverse_norm = square.f_rsqrt()?;
        let (out, scale) = match (norm, pass.mode()) {
            (None, _) => (fused::bcos_scale(&projected, &inverse_norm, None)?, None),
            (Some(norm), Mode::Eval) => {
                let scale = norm.scale(&norm.running_var)?;
                let out = fused::bcos_scale(&projected, &inverse_norm, Some(&scale))?;
                (out, Some(scale))
            }
            (Some(norm), Mode::Train) => {
                let [out, scale, var] =
                    fused::bcos_norm(&projected, &inverse_norm, &norm.weight, NORM_EPS)?;
                norm.move_running(&var)?;
                (out, Some(scale))
            }
        };
        let (from, to) = (x.tensor().size(), out.size());
        let out = pass.map(out, x, || {
            let conv_vjp = pass.transposed(&unit, window, [from[2], from[3]], [to[2], to[3]])?;
            let (projected, inverse_norm) = (held(projected), held(inverse_norm));
            Ok(Box::new(move |g| {
                conv_vjp(&fused::bcos_vjp(
                    g,
                    &projected,
                    &inverse_norm,
                    scale.as_ref(),
                )?)
            }))
        })?;
        Ok(out.allocated())
    }
}

/// Returns a dynamic weight as the backward pass uses it: in the graph, except where the test in
/// `guide/dynamic_weights.rs` detaches it.
pub(crate) fn held(weight: Tensor) -> Tensor {
    #[cfg(test)]
    if IS_DETACHED.get() {
        return weight.detach();
    }
    weight
}

/// A linear layer over the last axis, x, whose output is |cos(x, w)| · ŵ·x.
#[derive(Debug)]
pub struct BcosLinear {
    weight: Tensor,
}

impl BcosLinear {
    /// `name.linear.weight` of shape (out, in).
    pub fn new(p: &mut Params, name: &str, c_in: i64, c_out: i64) -> Self {
        let weight = p.weight(
            format!("{name}.linear.weight"),
            &[c_out, c_in],
            Init::UniformFanIn(c_in),
        );
        BcosLinear { weight }
    }

    /// (…, in) to (…, out).
    pub fn forward(&self, x: &Value, pass: &Pass) -> Result<Value, TchError> {
        let unit = fused::unit_rows(&self.weight)?;
        let precision = pass.precision();
        let projected = product::linear(x.tensor(), &unit, None, precision)?;
        let norm = x
            .tensor()
            .f_norm_scalaropt_dim(2, [-1i64].as_slice(), true)?
            .f_add_scalar(ROW_EPS)?;
        finite::infinite_to_nan(&norm)?;
        let dynamic = projected.f_abs()?.f_div(&norm)?;
        let out = dynamic.f_mul(&projected)?;
        let out = pass.map(out, x, || {
            let dynamic = held(dynamic);
            Ok(Box::new(move |g| {
                product::matmul(&g.f_mul(&dynamic)?, &unit, precision)
            }))
        })?;
        Ok(out.allocated())
    }
}

/// Batch norm without bias that divides by the standard deviation and does not subtract the mean.
#[derive(Debug)]
pub struct UncenteredNorm {
    weight: Tensor,
    running_var: Tensor,
}

impl UncenteredNorm {
    /// `name.{weight, running_mean, running_var}`, each of `channels` elements. The running mean is only created
    /// because the published files have it.
    pub fn new(p: &mut Params, name: &str, channels: i64) -> Self {
        let weight = p.weight(format!("{name}.weight"), &[channels], Init::Constant(1.0));
        let _unused = p.buffer(format!("{name}.running_mean"), &[channels], 0.0);
        let running_var = p.buffer(format!("{name}.running_var"), &[channels], 1.0);
        UncenteredNorm {
            weight,
            running_var,
        }
    }

    /// (N, C, H, W) to the same shape. In [`Mode::Train`] the standard deviation is the batch's, and the running
    /// variance is updated.
    pub fn forward(&self, x: &Value, pass: &Pass) -> Result<Value, TchError> {
        let var = match pass.mode() {
            Mode::Eval => self.running_var.shallow_clone(),
            Mode::Train => {
                let var = x
                    .tensor()
                    .f_var_dim([0i64, 2, 3].as_slice(), false, false)?;
                self.move_running(&var.f_detach()?)?;
                var
            }
        };
        let scale = self.scale(&var)?.f_view([1, -1, 1, 1])?;
        let out = x.tensor().f_mul(&scale)?;
        pass.map(out, x, || Ok(Box::new(move |g| g.f_mul(&scale))))
    }

    /// Returns the weight divided by the standard deviation, √(`var` + eps): (C).
    fn scale(&self, var: &Tensor) -> Result<Tensor, TchError> {
        let square = var.f_add_scalar(NORM_EPS)?;
        finite::infinite_to_nan(&square)?;
        self.weight.f_mul(&square.f_rsqrt()?)
    }

    /// Moves the running variance towards a batch's variance `var`.
    fn move_running(&self, var: &Tensor) -> Result<(), TchError> {
        let mut running = self.running_var.shallow_clone();
        tch::no_grad(|| running.f_lerp_(var, MOMENTUM).map(drop))
    }
}

/// Layer norm without bias over `axes`. Subtracting the mean is linear; 1 / standard deviation is the dynamic
/// weight.
#[derive(Debug)]
pub struct LayerNorm {
    weight: Tensor,
    axes: Vec<i64>,
}

impl LayerNorm {
    /// Of tokens (N, T, C): over the channels of each token.
    pub fn tokens(p: &mut Params, name: &str, channels: i64) -> Self {
        LayerNorm {
            weight: p.weight(format!("{name}.weight"), &[channels], Init::Constant(1.0)),
            axes: vec![-1],
        }
    }

    /// Of images (N, C, H, W): over all values of an image.
    pub fn images(p: &mut Params, name: &str, channels: i64) -> Self {
        LayerNorm {
            weight: p.weight(format!("{name}.weight"), &[channels], Init::Constant(1.0)),
            axes: vec![1, 2, 3],
        }
    }

    /// Same shape.
    pub fn forward(&self, x: &Value, pass: &Pass) -> Result<Value, TchError> {
        let axes = self.axes.clone();
        let mean = x.tensor().f_mean_dim(axes.as_slice(), true, None)?;
        let centred = x.tensor().f_sub(&mean)?;
        let var = centred
            .f_square()?
            .f_mean_dim(axes.as_slice(), true, None)?;
        let weight = match axes.len() {
            1 => self.weight.shallow_clone(),
            _ => self.weight.f_view([1, -1, 1, 1])?,
        };
        let square = var.f_add_scalar(NORM_EPS)?;
        finite::infinite_to_nan(&square)?;
        let scale = square.f_rsqrt()?.f_mul(&weight)?;
        let out = centred.f_mul(&scale)?;
        pass.map(out, x, || {
            Ok(Box::new(move |g| {
                let g = g.f_mul(&scale)?;
                g.f_sub(&g.f_mean_dim(axes.as_slice(), true, None)?)
            }))
        })
    }
}

/// Returns the logits (N, K): the class evidence (N, K), which is W(x)·x, plus the constant logit of a class
/// without evidence.
pub fn logits(evidence: &Value, pass: &Pass) -> Result<Value, TchError> {
    let out = evidence.tensor().f_add_scalar(LOGIT_BIAS)?;
    pass.map(out, evidence, || Ok(Box::new(|g| Ok(g.shallow_clone()))))
}

#[cfg(test)]
thread_local! {
    /// If true, |cos| and attention are left out of the graph of the backward pass, as in the published
    /// package. That is right for explaining and wrong for guiding, as `guide/dynamic_weights.rs` shows.
    pub(crate) static IS_DETACHED: std::cell::Cell<bool> = const { std::cell::Cell::new(false) };
}
