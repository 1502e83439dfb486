//! Brings the calls of operators of an exported network into one form: a call that computes nothing is replaced by
//! its input, the many names that PyTorch has for the same computation become one, and a tensor that is made with
//! the size of another (`zeros_like`) is made with this size itself (`zeros`) if it is known.
//!
//! The network then has every batch norm as `batch_norm`, every attention as `scaled_dot_product_attention` and
//! every change of type as `to.dtype`, whether it was exported in training form or decomposed into PyTorch's core
//! operators, on a CPU or a GPU.

use crate::network::graph::problem::Problem;
use crate::network::graph::program::{Argument, Dtype, Meta, Node, Number, OTHER, Size};
use crate::weights::exported::calls::Calls;
use crate::weights::exported::views::{Sharing, shape};

/// What becomes of a call.
pub(crate) enum Rewritten {
    /// No call is needed: its output is this value. How the output shares memory with the call's input follows.
    Same(usize, Sharing),
    /// It stays a call.
    Call(Node),
}

/// Returns the pure operator ("aten.add.Tensor") of an in-place one ("aten.add_.Tensor"); `None` for others.
pub(crate) fn in_place(operator: &str) -> Option<String> {
    let (name, overload) = operator.strip_prefix("aten.")?.split_once('.')?;
    let pure = name
        .strip_suffix('_')
        .filter(|name| !name.starts_with('_'))?;
    Some(format!("aten.{pure}.{overload}"))
}

/// Rewrites a call, whose arguments are values of the new graph. `metas` are types and sizes of its outputs, `used`
/// says which of the outputs are used.
pub(crate) fn rewrite(
    calls: &mut Calls,
    node: Node,
    metas: &[Meta],
    used: &[bool],
) -> Result<Rewritten, Problem> {
    let first = node.tensors().next();
    let Some(out) = metas.first() else {
        return Ok(Rewritten::Call(node));
    };
    if let Some(first) = first {
        if let Some(sharing) = unchanged(calls, &node, first, out) {
            return Ok(Rewritten::Same(first, sharing));
        }
        if let Some(form) = filled(calls, &node, first, out) {
            return Ok(form);
        }
    }
    let only_first = used.iter().skip(1).all(|used| !used);
    Ok(Rewritten::Call(renamed(node, out, only_first)))
}

/// Returns how the output of `node`, of type and size `out`, shares memory with the tensor `first` if it has the same
/// elements, so that the call is not needed; `None` if it is.
fn unchanged(calls: &Calls, node: &Node, first: usize, out: &Meta) -> Option<Sharing> {
    use Sharing::{Memory, Nothing, Perhaps};
    let input = &calls.metas[first];
    let all_known = |meta: &Meta| meta.size().is_some_and(|size| !size.contains(&Some(OTHER)));
    let same_size = input.size() == out.size() && all_known(out);
    let same_dtype = input.dtype() == out.dtype();
    let is_zero = |name: &str| {
        node.ints(name)
            .is_some_and(|pad| pad.iter().all(|&n| n == 0))
    };
    match node.name() {
        // Dropout is always off (docs/SPEC.md D).
        "alpha_dropout"
        | "dropout"
        | "feature_alpha_dropout"
        | "feature_dropout"
        | "native_dropout" => Some(Memory),
        "alias" | "lift" | "lift_fresh" | "positive" | "requires_grad" => Some(Memory),
        // A constant has no gradient anyway.
        "detach" if calls.constant[first] => Some(Memory),
        "clone" | "lift_fresh_copy" => Some(Nothing),
        "contiguous" => Some(Perhaps),
        "to" | "type_as" if same_dtype => Some(Memory),
        "_to_copy" if same_dtype => Some(Nothing),
        "slice" if same_size && node.int("step").unwrap_or(1) == 1 => Some(Memory),
        "expand" | "expand_as" if same_size => Some(Memory),
        "view" | "view_as" if same_size && same_dtype => Some(Memory),
        "_unsafe_view" | "flatten" | "reshape" | "reshape_as" if same_size => Some(Perhaps),
        "as_strided" if same_size && is_row_major(node, out) => Some(Perhaps),
        "pad" | "constant_pad_nd" if same_size && is_zero("pad") => Some(Nothing),
        _ => None,
    }
}

/// Whether the strides that `as_strided` is given are those of a contiguous tensor.
fn is_row_major(node: &Node, out: &Meta) -> bool {
    let (Some(size), Some(strides)) = (out.size(), node.ints("stride")) else {
        return false;
    };
    let mut step = Some(1);
    let axes = size.iter().zip(&strides).rev().enumerate();
    size.len() == strides.len()
        && node.int("storage_offset").unwrap_or(0) == 0
        && axes.into_iter().all(|(_, (size, stride))| {
            let fits = *size == Some(1) || step == Some(*stride);
            step = step.zip(*size).map(|(step, size)| step * size.max(1));
            fits
        })
}

/// Rewrites a call that fills the tensor `first`, or a new one of its size, with a number or with another tensor;
/// `None` if it does not.
fn filled(calls: &mut Calls, node: &Node, first: usize, out: &Meta) -> Option<Rewritten> {
    let call = |operator: &str, arguments: Vec<(&str, Argument)>| Node {
        operator: operator.into(),
        arguments: named(arguments),
        outputs: node.outputs.clone(),
        module: node.module.clone(),
        constant: false,
    };
    let dtype = Argument::Dtype(out.dtype()?);
    let fixed = out.fixed_size();
    let fixed = fixed.map(|size| size.into_iter().map(Size::Known).collect());
    let size = match node.argument("size") {
        Some(Argument::Ints(size)) if node.name().starts_with("new_") => Some(size.clone()),
        _ => fixed,
    };
    let size = size.map(Argument::Ints);
    let made = |like: &str, of_size: &str, fill: Option<Argument>| {
        let (operator, place) = match &size {
            Some(size) => (of_size, ("size", size.clone())),
            None => (like, ("self", Argument::Tensor(first))),
        };
        let mut arguments = vec![place];
        arguments.extend(fill.map(|fill| ("fill_value", fill)));
        arguments.push(("dtype", dtype.clone()));
        Some(Rewritten::Call(call(operator, arguments)))
    };
    let zeros = || made("aten.zeros_like.default", "aten.zeros.default", None);
    match node.name() {
        "empty_like" | "new_empty" | "new_zeros" | "zero" | "zeros_like" => zeros(),
        "new_ones" | "ones_like" => made("aten.ones_like.default", "aten.ones.default", None),
        "full_like" | "new_full" => {
            let fill = node.argument("fill_value")?.clone();
            made("aten.full_like.default", "aten.full.default", Some(fill))
        }
        "fill" | "copy" => {
            let source = ["value", "src"]
                .into_iter()
                .find_map(|name| node.argument(name))?;
            let Argument::Tensor(mut source) = *source else {
                let fill = Some(source.clone());
                return made("aten.full_like.default", "aten.full.default", fill);
            };
            if calls.metas[source].dtype() != out.dtype() {
                let meta = Meta::Tensor {
                    size: calls.metas[source].size()?.to_vec(),
                    dtype: out.dtype()?,
                };
                let arguments = vec![("self", Argument::Tensor(source)), ("dtype", dtype)];
                let cast = call("aten.to.dtype", arguments);
                source = calls.add(cast, &[meta])[0];
            }
            let source_meta = &calls.metas[source];
            if source_meta == out && source_meta.fixed_size().is_some() {
                return Some(Rewritten::Same(source, Sharing::Nothing));
            }
            let source = ("self", Argument::Tensor(source));
            Some(Rewritten::Call(match size {
                Some(size) => call("aten.expand.default", vec![source, ("size", size)]),
                None => call(
                    "aten.expand_as.default",
                    vec![source, ("other", Argument::Tensor(first))],
                ),
            }))
        }
        _ => None,
    }
}

/// Replaces the operator of a call by the name that is used for its computation here. `out` is type and size of its
/// first output, `only_first` says that no other output is used.
fn renamed(mut node: Node, out: &Meta, only_first: bool) -> Node {
    let dtype = out.dtype().map(Argument::Dtype);
    let name = node.name().to_owned();
    match name.as_str() {
        "view" | "_unsafe_view" if node.argument("size").is_some() => {
            rename(&mut node, "aten.reshape.default", &[("size", "shape")]);
        }
        "unflatten" | "view_as" => {
            let first = node.tensors().next();
            if let (Some(shape), Some(first)) = (shape(out), first) {
                let shape = Argument::Ints(shape);
                node.operator = "aten.reshape.default".into();
                node.arguments = named(vec![("self", Argument::Tensor(first)), ("shape", shape)]);
            } else if name == "view_as" {
                node.operator = "aten.reshape_as.default".into();
            }
        }
        "to" | "_to_copy" | "type_as" => {
            let dtype = dtype.unwrap_or(Argument::None);
            take(
                &mut node,
                "aten.to.dtype",
                &["self"],
                vec![("dtype", dtype)],
            );
        }
        "empty" => {
            let dtype = dtype.unwrap_or(Argument::None);
            take(
                &mut node,
                "aten.zeros.default",
                &["size"],
                vec![("dtype", dtype)],
            );
        }
        "arange" | "eye" | "full" | "linspace" | "ones" | "scalar_tensor" | "zeros" => {
            node.arguments
                .retain(|(name, _)| name != "dtype" && name != "layout" && name != "device");
            node.arguments
                .extend(dtype.map(|dtype| ("dtype".into(), dtype)));
        }
        "_softmax" => softmax(&mut node, "aten.softmax.int"),
        "_log_softmax" => softmax(&mut node, "aten.log_softmax.int"),
        "_adaptive_avg_pool2d" => rename(&mut node, "aten.adaptive_avg_pool2d.default", &[]),
        "max_pool2d_with_indices" if only_first => {
            node.outputs.truncate(1);
            node.operator = "aten.max_pool2d.default".into();
        }
        "native_layer_norm" if only_first => {
            node.outputs.truncate(1);
            node.operator = "aten.layer_norm.default".into();
        }
        "native_group_norm" if only_first => {
            node.outputs.truncate(1);
            rename(
                &mut node,
                "aten.group_norm.default",
                &[("group", "num_groups")],
            );
            let kept = ["input", "num_groups", "weight", "bias", "eps"];
            take(&mut node, "aten.group_norm.default", &kept, Vec::new());
        }
        "native_batch_norm"
        | "cudnn_batch_norm"
        | "miopen_batch_norm"
        | "_native_batch_norm_legit"
        | "_native_batch_norm_legit_functional"
        | "_native_batch_norm_legit_no_training"
        | "_batch_norm_no_update"
        | "_batch_norm_with_update"
        | "_batch_norm_with_update_functional"
            if only_first =>
        {
            node.outputs.truncate(1);
            batch_norm(&mut node, &name);
        }
        "scaled_dot_product_attention" => node.arguments.retain(|(name, _)| name != "dropout_p"),
        _ if name.starts_with("_scaled_dot_product_") && only_first => {
            node.outputs.truncate(1);
            let mask = ["attn_mask", "attn_bias"]
                .into_iter()
                .find_map(|name| node.argument(name));
            let mask = mask.cloned().unwrap_or(Argument::None);
            let kept = ["query", "key", "value", "is_causal", "scale"];
            let operator = "aten.scaled_dot_product_attention.default";
            take(&mut node, operator, &kept, Vec::new());
            node.arguments
                .insert(3.min(node.arguments.len()), ("attn_mask".into(), mask));
        }
        _ => {}
    }
    node
}

/// Turns the call of a variant of batch norm, `name`, into a call of `batch_norm`. The defaults are PyTorch's.
fn batch_norm(node: &mut Node, name: &str) {
    let given = |name: &str| node.argument(name).cloned();
    let training = given("training").unwrap_or(Argument::Bool(
        name.contains("_with_update") || name.ends_with("_functional"),
    ));
    let momentum = given("momentum").or(given("exponential_average_factor"));
    let eps = given("eps").or(given("epsilon"));
    let or_none = |name: &str| given(name).unwrap_or(Argument::None);
    node.arguments = named(vec![
        ("input", or_none("input")),
        ("weight", or_none("weight")),
        ("bias", or_none("bias")),
        ("running_mean", or_none("running_mean")),
        ("running_var", or_none("running_var")),
        ("training", training),
        ("momentum", momentum.unwrap_or(Argument::Float(Number(0.1)))),
        ("eps", eps.unwrap_or(Argument::Float(Number(1e-5)))),
        ("cudnn_enabled", Argument::Bool(true)),
    ]);
    node.operator = "aten.batch_norm.default".into();
}

/// Turns a call of `_softmax` or `_log_softmax` into one of `operator`, `softmax.int` or `log_softmax.int`.
fn softmax(node: &mut Node, operator: &str) {
    // The core form can convert float16 to float32 at once.
    let widens = node.argument("half_to_float") == Some(&Argument::Bool(true));
    let dtype = widens.then_some(("dtype", Argument::Dtype(Dtype::Float32)));
    take(
        node,
        operator,
        &["self", "dim"],
        dtype.into_iter().collect(),
    );
}

/// Gives the call another operator, and its arguments other names: (old, new).
fn rename(node: &mut Node, operator: &str, arguments: &[(&str, &str)]) {
    node.operator = operator.into();
    for (name, _) in &mut node.arguments {
        if let Some((_, new)) = arguments.iter().find(|(old, _)| old == name) {
            *name = (*new).into();
        }
    }
}

/// Gives the call another operator. Of its arguments it keeps `kept`, in this order; `more` follow.
fn take(node: &mut Node, operator: &str, kept: &[&str], more: Vec<(&str, Argument)>) {
    let kept = kept.iter().filter_map(|name| {
        let argument = node.argument(name)?;
        Some(((*name).to_owned(), argument.clone()))
    });
    node.arguments = kept.chain(named(more)).collect();
    node.operator = operator.into();
}

/// Makes the names owned.
fn named(arguments: Vec<(&str, Argument)>) -> Vec<(String, Argument)> {
    let arguments = arguments.into_iter();
    arguments
        .map(|(name, argument)| (name.to_owned(), argument))
        .collect()
}
