//! Runs the nodes of a graph (a network read from a file), above all those that depend on the images. A node for
//! which [`Pass`] has an operation with a written vjp (the map from the gradient at its output to those at its
//! inputs) runs as this operation. All others run by [`Pass::opaque`], where libtorch computes the vjp.

use tch::{Kind, TchError, Tensor};

use crate::finite;
use crate::network::Mode;
use crate::network::graph::evaluation::{Evaluation, in_node, missing};
use crate::network::graph::operators;
use crate::network::graph::program::{Argument, Node, Size};
use crate::network::pass::{NormState, Pass, Value, Window, dispatch, fused, product};

/// Evaluates `node` and keeps its outputs in `evaluation`. It may write over its inputs `own`, which no other node
/// needs.
///
/// # Errors
/// libtorch's, with the node's operator and module.
pub(super) fn run(evaluation: &mut Evaluation, node: &Node, own: &[usize]) -> Result<(), TchError> {
    let result = match evaluation.integer(node) {
        Ok(Some(integer)) => {
            evaluation.keep_integer(node, integer);
            Ok(())
        }
        Ok(None) if evaluation.depends_on_image(node) => of_image(evaluation, node, own),
        Ok(None) => evaluation.run_plain(node),
        Err(error) => Err(error),
    };
    result.map_err(|error| in_node(node, &error))
}

/// Evaluates a node that depends on the image. An opaque node is computed anew for each of its outputs.
fn of_image(evaluation: &mut Evaluation, node: &Node, own: &[usize]) -> Result<(), TchError> {
    let known = Call { evaluation, node }.known(own)?;
    if let Some(value) = known {
        evaluation.keep(node, 0, value);
        return Ok(());
    }
    if evaluation.pass.bcosification().is_some() && !operators::is_homogeneous(node.name()) {
        let reason = "it is not known as a B-cos network's, or not with these arguments";
        return Err(TchError::Torch(reason.to_owned()));
    }
    for output in 0..node.outputs.len() {
        let value = Call { evaluation, node }.opaque(output)?;
        evaluation.keep(node, output, value);
    }
    Ok(())
}

/// A node and the values that it is evaluated with. Arguments are asked for by their names in PyTorch's schema.
struct Call<'e, 'a> {
    evaluation: &'e mut Evaluation<'a>,
    node: &'e Node,
}

impl<'e, 'a> Call<'e, 'a> {
    fn pass(&self) -> &'a Pass {
        self.evaluation.pass
    }

    fn argument(&self, name: &str) -> Option<&'e Argument> {
        self.node.argument(name)
    }

    /// The value `name`, if it depends on the image.
    fn value(&self, name: &str) -> Option<&Value> {
        match self.argument(name)? {
            Argument::Tensor(at) => self.evaluation.value(*at),
            _ => None,
        }
    }

    /// The tensor `name`, if it does not depend on the image.
    fn plain(&self, name: &str) -> Option<&Tensor> {
        match self.argument(name)? {
            Argument::Tensor(at) => self.evaluation.plain(*at),
            _ => None,
        }
    }

    /// Whether there is a tensor `name`.
    fn has(&self, name: &str) -> bool {
        matches!(self.argument(name), Some(Argument::Tensor(_)))
    }

    /// The value `name`, taken away if it is one of the node's `own`, so that it may be overwritten.
    fn taken(&mut self, name: &str, own: &[usize]) -> Option<Value> {
        let Argument::Tensor(at) = self.argument(name)? else {
            return None;
        };
        match own.contains(at) {
            true => self.evaluation.take(*at),
            false => self.evaluation.value(*at).map(Value::share),
        }
    }

    /// The integers that are the argument `name`, `default` if it is absent; `None` if it is no integers.
    fn ints(&self, name: &str, default: &[i64]) -> Result<Option<Vec<i64>>, TchError> {
        let sizes: &[Size] = match self.argument(name) {
            None => return Ok(Some(default.to_vec())),
            Some(Argument::Int(size)) => std::slice::from_ref(size),
            Some(Argument::Ints(sizes)) => sizes,
            Some(_) => return Ok(None),
        };
        let sizes = sizes.iter().map(|size| self.evaluation.size(*size));
        sizes.collect::<Result<_, _>>().map(Some)
    }

    /// The same for sizes [height, width]; one number stands for both. Callers that pass the default 0 need the
    /// argument: 0 equals no size for which the pass has an operation.
    fn pair(&self, name: &str, default: i64) -> Result<Option<[i64; 2]>, TchError> {
        Ok(match self.ints(name, &[default])?.as_deref() {
            Some([both]) => Some([*both; 2]),
            Some([height, width]) => Some([*height, *width]),
            _ => None,
        })
    }

    fn int(&self, name: &str, default: i64) -> Result<i64, TchError> {
        match self.ints(name, &[default])?.as_deref() {
            Some([value]) => Ok(*value),
            _ => Err(missing(name)),
        }
    }

    fn number(&self, name: &str, default: f64) -> Result<f64, TchError> {
        match self.argument(name) {
            None => Ok(default),
            Some(Argument::Float(value)) => Ok(value.0),
            Some(Argument::Int(size)) => Ok(self.evaluation.size(*size)? as f64),
            Some(_) => Err(missing(name)),
        }
    }

    fn bool(&self, name: &str, default: bool) -> bool {
        match self.argument(name) {
            Some(Argument::Bool(value)) => *value,
            _ => default,
        }
    }

    /// Computes the node by operations of the pass; `None` if it has none for this operator with these arguments.
    fn known(&mut self, own: &[usize]) -> Result<Option<Value>, TchError> {
        let pass = self.pass();
        match self.node.operator.as_str() {
            "aten.conv2d.default" => self.conv(),
            "aten.batch_norm.default" => self.batch_norm(),
            "aten.linear.default" => self.linear(),
            "aten.relu.default" => match self.taken("self", own) {
                Some(x) => pass.relu(x).map(Some),
                None => Ok(None),
            },
            "aten.hardtanh.default" => {
                let bounds = (self.number("min_val", -1.0)?, self.number("max_val", 1.0)?);
                let (is_6, is_bcosified) = (bounds == (0.0, 6.0), pass.bcosification().is_some());
                let is_clipped = is_bcosified && bounds.0 <= 0.0 && bounds.1 >= 0.0;
                if !is_6 && !is_clipped {
                    return Ok(None);
                }
                match self.taken("self", own) {
                    Some(x) if is_6 => pass.relu6(x).map(Some),
                    Some(x) => pass.clipped(&x, bounds.0, bounds.1).map(Some),
                    None => Ok(None),
                }
            }
            "aten.add.Tensor" => self.add(own),
            "aten.mul.Tensor" => self.mul(),
            "aten.cat.default" => self.cat(),
            "aten.max_pool2d.default" => self.max_pool(),
            "aten.avg_pool2d.default" => self.avg_pool(),
            "aten.adaptive_avg_pool2d.default" => {
                let is_one = self.pair("output_size", 0)? == Some([1, 1]);
                match self.value("self") {
                    Some(x) if is_one && x.tensor().dim() == 4 => {
                        pass.mean(x, &[2, 3], true).map(Some)
                    }
                    _ => Ok(None),
                }
            }
            "aten.mean.dim" => {
                let axes = self.ints("dim", &[])?.unwrap_or_default();
                match self.value("self") {
                    Some(x) if !axes.is_empty() && self.argument("dtype").is_none() => {
                        pass.mean(x, &axes, self.bool("keepdim", false)).map(Some)
                    }
                    _ => Ok(None),
                }
            }
            "aten.flatten.using_ints" => {
                let (start, end) = (self.int("start_dim", 0)?, self.int("end_dim", -1)?);
                self.map(|call, x| {
                    let flat = x.tensor().f_flatten(start, end)?;
                    call.pass().reshape(x, &flat.size())
                })
            }
            "aten.view.default" | "aten.reshape.default" | "aten._unsafe_view.default" => {
                let name = match self.argument("shape") {
                    Some(_) => "shape",
                    None => "size",
                };
                let Some(size) = self.ints(name, &[])? else {
                    return Ok(None);
                };
                self.map(|call, x| call.pass().reshape(x, &size))
            }
            "aten.unsqueeze.default" | "aten.squeeze.dim" => {
                let axis = self.int("dim", 0)?;
                let is_more = self.node.operator.starts_with("aten.unsqueeze");
                self.map(|call, x| {
                    let out = match is_more {
                        true => x.tensor().f_unsqueeze(axis)?,
                        false => x.tensor().f_squeeze_dim(axis)?,
                    };
                    call.pass().reshape(x, &out.size())
                })
            }
            "aten.permute.default" => {
                let Some(axes) = self.ints("dims", &[])? else {
                    return Ok(None);
                };
                self.map(|call, x| call.pass().permute(x, &axes))
            }
            "aten.transpose.int" => {
                let (a, b) = (self.int("dim0", 0)?, self.int("dim1", 1)?);
                self.map(|call, x| {
                    let n_axes = x.tensor().dim() as i64;
                    let mut axes: Vec<i64> = (0..n_axes).collect();
                    let axis = |axis: i64| axis.rem_euclid(n_axes.max(1)) as usize;
                    if axis(a) < axes.len() && axis(b) < axes.len() {
                        axes.swap(axis(a), axis(b));
                    }
                    call.pass().permute(x, &axes)
                })
            }
            "aten.contiguous.default" => self.map(|_, x| Ok(x.share())),
            _ => Ok(None),
        }
    }

    /// Computes `f` of the argument named "self"; `None` if that does not depend on the image.
    fn map(
        &self,
        f: impl FnOnce(&Self, &Value) -> Result<Value, TchError>,
    ) -> Result<Option<Value>, TchError> {
        self.value("self").map(|x| f(self, x)).transpose()
    }

    fn conv(&self) -> Result<Option<Value>, TchError> {
        let (Some(x), Some(weight)) = (self.value("input"), self.plain("weight")) else {
            return Ok(None);
        };
        let bias = self.plain("bias");
        let stride = self.pair("stride", 1)?;
        let (Some([stride, stride_x]), Some(padding)) = (stride, self.pair("padding", 0)?) else {
            return Ok(None);
        };
        let is_plain = stride == stride_x && self.pair("dilation", 1)? == Some([1, 1]);
        if !is_plain || x.tensor().dim() != 4 || self.has("bias") != bias.is_some() {
            return Ok(None);
        }
        let window = Window {
            stride,
            padding,
            groups: self.int("groups", 1)?,
        };
        let out = self.pass().conv(x, weight, window)?;
        match bias {
            Some(bias) => self.pass().shift(out, &bias.f_view([1, -1, 1, 1])?),
            None => Ok(out),
        }
        .map(Some)
    }

    fn batch_norm(&self) -> Result<Option<Value>, TchError> {
        let Some(x) = self.value("input") else {
            return Ok(None);
        };
        let tensors = ["weight", "bias", "running_mean", "running_var"].map(|t| self.plain(t));
        let [Some(weight), Some(bias), Some(mean), Some(var)] = tensors else {
            return Ok(None);
        };
        if x.tensor().dim() != 4 {
            return Ok(None);
        }
        let norm = NormState {
            weight,
            bias,
            mean,
            var,
            momentum: self.number("momentum", 0.1)?,
            eps: self.number("eps", 1e-5)?,
        };
        self.pass().batch_norm(x, &norm).map(Some)
    }

    fn linear(&self) -> Result<Option<Value>, TchError> {
        let (Some(x), Some(weight)) = (self.value("input"), self.plain("weight")) else {
            return Ok(None);
        };
        let bias = self.plain("bias");
        match self.has("bias") == bias.is_some() {
            true => self.pass().linear(x, weight, bias).map(Some),
            false => Ok(None),
        }
    }

    /// x + y of the same shape, or x + a constant, if the sum has the shape of x.
    fn add(&mut self, own: &[usize]) -> Result<Option<Value>, TchError> {
        if self.number("alpha", 1.0)? != 1.0 {
            return Ok(None);
        }
        let pass = self.pass();
        match (self.value("self"), self.value("other")) {
            (Some(x), Some(y)) => {
                let is_same = x.tensor().size() == y.tensor().size()
                    && x.tensor().kind() == y.tensor().kind();
                // x + x is left to libtorch.
                let (other, is_twice) = (y.share(), std::ptr::eq(x, y));
                if !is_same || is_twice {
                    return Ok(None);
                }
                let x = self.taken("self", own).ok_or_else(|| missing("self"))?;
                pass.add(x, &other).map(Some)
            }
            (Some(x), None) => match self.plain("other") {
                Some(y) if keeps_shape(x, y) => {
                    let y = y.shallow_clone();
                    let x = self.taken("self", own).ok_or_else(|| missing("self"))?;
                    pass.shift(x, &y).map(Some)
                }
                _ => Ok(None),
            },
            (None, Some(x)) => match self.plain("self") {
                Some(y) if keeps_shape(x, y) => {
                    let y = y.shallow_clone();
                    let x = self.taken("other", own).ok_or_else(|| missing("other"))?;
                    pass.shift(x, &y).map(Some)
                }
                _ => Ok(None),
            },
            (None, None) => Ok(None),
        }
    }

    /// x times a constant, if the product has the shape of x.
    fn mul(&self) -> Result<Option<Value>, TchError> {
        let sides = [("self", "other"), ("other", "self")];
        for (x, factor) in sides {
            if let (Some(x), Some(factor)) = (self.value(x), self.plain(factor))
                && keeps_shape(x, factor)
            {
                return self.pass().scale(x, factor).map(Some);
            }
        }
        Ok(None)
    }

    fn cat(&self) -> Result<Option<Value>, TchError> {
        let Some(Argument::Tensors(list)) = self.argument("tensors") else {
            return Ok(None);
        };
        let axis = self.int("dim", 0)?;
        let parts: Option<Vec<&Value>> = list
            .iter()
            .map(|at| at.and_then(|at| self.evaluation.value(at)))
            .collect();
        parts.map(|parts| self.pass().cat(&parts, axis)).transpose()
    }

    fn max_pool(&self) -> Result<Option<Value>, TchError> {
        let sizes = [
            (self.pair("kernel_size", 0)?, [3; 2]),
            (self.pair("stride", 0)?, [2; 2]),
            (self.pair("padding", 0)?, [1; 2]),
            (self.pair("dilation", 1)?, [1; 2]),
        ];
        let is_usual = sizes.iter().all(|(found, usual)| *found == Some(*usual));
        match self.value("self") {
            Some(x) if is_usual && !self.bool("ceil_mode", false) => {
                self.pass().max_pool(x).map(Some)
            }
            _ => Ok(None),
        }
    }

    fn avg_pool(&self) -> Result<Option<Value>, TchError> {
        let (kernel, padding) = (self.pair("kernel_size", 0)?, self.pair("padding", 0)?);
        let stride = match self.argument("stride") {
            None => kernel,
            Some(Argument::Ints(sizes)) if sizes.is_empty() => kernel,
            Some(_) => self.pair("stride", 0)?,
        };
        let is_usual = !self.bool("ceil_mode", false)
            && self.bool("count_include_pad", true)
            && matches!(
                self.argument("divisor_override"),
                None | Some(Argument::None)
            );
        match (self.value("self"), kernel, stride, padding) {
            (Some(x), Some([k, k_x]), Some([s, s_x]), Some([p, p_x]))
                if is_usual && (k, s, p) == (k_x, s_x, p_x) =>
            {
                self.pass().avg_pool(x, k, s, p).map(Some)
            }
            _ => Ok(None),
        }
    }

    /// Computes one output of the node by libtorch.
    fn opaque(&self, output: usize) -> Result<Value, TchError> {
        let (evaluation, node) = (&*self.evaluation, self.node);
        // The inputs to be differentiated. Conditions and indices that depend on the image have no gradient.
        let mut at: Vec<usize> = node
            .tensors()
            .filter(|at| {
                let value = evaluation.value(*at);
                value.is_some_and(|value| value.tensor().is_floating_point())
            })
            .collect();
        at.sort_unstable();
        at.dedup();
        let values: Vec<&Value> = at.iter().filter_map(|at| evaluation.value(*at)).collect();
        self.pass().opaque(&values, |own| {
            let tensor = |wanted: usize| match at.binary_search(&wanted) {
                Ok(index) => Some(&own[index]),
                Err(_) => match evaluation.value(wanted) {
                    Some(value) => Some(value.tensor()),
                    None => evaluation.plain(wanted),
                },
            };
            self.expression(&tensor, output)
        })
    }

    /// Computes one output of the node from its tensors by an expression that libtorch can differentiate
    /// twice.
    fn expression<'t>(
        &self,
        tensor: &dyn Fn(usize) -> Option<&'t Tensor>,
        output: usize,
    ) -> Result<Tensor, TchError>
    where
        'e: 't,
    {
        let named = |name: &str| match self.argument(name) {
            Some(Argument::Tensor(at)) => tensor(*at),
            _ => None,
        };
        let needed = |name: &str| named(name).ok_or_else(|| missing(name));
        let precision = self.pass().precision();
        match self.node.operator.as_str() {
            // hardtanh(x + 3, 0, 6) / 6, as libtorch's own hardsigmoid has no second derivative.
            "aten.hardsigmoid.default" => {
                let shifted = needed("self")?.f_add_scalar(3.0)?;
                let arguments = [
                    ("self", dispatch::Argument::Tensor(&shifted)),
                    ("min_val", dispatch::Argument::Int(0)),
                    ("max_val", dispatch::Argument::Int(6)),
                ];
                let mut clipped = dispatch::call("aten.hardtanh.default", &arguments, 1)?;
                let clipped = clipped.swap_remove(0).ok_or_else(|| missing("output"))?;
                clipped.f_div_scalar(6.0)
            }
            "aten.scaled_dot_product_attention.default" => self.attention(&named),
            "aten.matmul.default" | "aten.bmm.default" => {
                let other = named("other").or_else(|| named("mat2"));
                let other = other.ok_or_else(|| missing("other"))?;
                product::matmul(needed("self")?, other, precision)
            }
            "aten.linear.default" => product::linear(
                needed("input")?,
                needed("weight")?,
                named("bias"),
                precision,
            ),
            // The product by 1 is a copy, which `rectify` overwrites.
            "aten.relu.default" => fused::rectify(needed("self")?.f_mul_scalar(1.0)?),
            operator => {
                let mut arguments = self.evaluation.arguments(self.node, tensor)?;
                if operator == "aten.batch_norm.default" {
                    let is_training = self.pass().mode() == Mode::Train;
                    for (name, argument) in &mut arguments {
                        if *name == "training" {
                            *argument = dispatch::Argument::Bool(is_training);
                        }
                    }
                }
                let mut made = dispatch::call(operator, &arguments, output + 1)?;
                made.swap_remove(output).ok_or_else(|| missing("output"))
            }
        }
    }

    /// softmax(q kᵀ · scale + mask) v over the last two axes, written out because libtorch's fused kernels have
    /// no second derivative. The default of scale is 1/√(channels of q).
    fn attention<'t>(
        &self,
        named: &dyn Fn(&str) -> Option<&'t Tensor>,
    ) -> Result<Tensor, TchError> {
        let needed = |name: &str| named(name).ok_or_else(|| missing(name));
        let (q, k, v) = (needed("query")?, needed("key")?, needed("value")?);
        if self.bool("is_causal", false) || self.bool("enable_gqa", false) {
            return Err(TchError::Torch(
                "is_causal and enable_gqa are not known here".to_owned(),
            ));
        }
        let precision = self.pass().precision();
        let usual = 1.0 / (q.size().last().copied().unwrap_or(1) as f64).sqrt();
        let scale = match self.argument("scale") {
            Some(Argument::None) => usual,
            _ => self.number("scale", usual)?,
        };
        let scores = product::matmul(&q.f_mul_scalar(scale)?, &k.f_transpose(-2, -1)?, precision)?;
        let scores = match named("attn_mask") {
            Some(mask) if mask.kind() == Kind::Bool => {
                let hidden = mask.f_logical_not()?;
                scores.f_masked_fill(&hidden, f64::NEG_INFINITY)?
            }
            Some(mask) => scores.f_add(mask)?,
            // Without a mask, no score is −∞ but by an overflow, which softmax would hide.
            None => {
                finite::infinite_to_nan(&scores)?;
                scores
            }
        };
        product::matmul(&scores.f_softmax(-1, None::<Kind>)?, v, precision)
    }
}

/// Whether `x` + `constant` and `x` · `constant` have the shape and number type of `x`.
fn keeps_shape(x: &Value, constant: &Tensor) -> bool {
    let (size, other) = (x.tensor().size(), constant.size());
    let is_narrow = other.len() <= size.len()
        && other
            .iter()
            .rev()
            .zip(size.iter().rev())
            .all(|(&other, &size)| other == 1 || other == size);
    let is_scalar = other.is_empty();
    is_narrow && (is_scalar || constant.kind() == x.tensor().kind())
}
