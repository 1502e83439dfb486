//! The operators that the graph of a network read from a file may call: those of libtorch that compute their
//! outputs from their inputs and do nothing else. Operators that write to an input, draw random numbers, open
//! files or start threads are not among them, so an edited file cannot call them.
//!
//! An operator is listed without its overload ("conv2d" for "aten.conv2d.default").

use crate::network::graph::problem::{Problem, place, quote};
use crate::network::graph::program::{Argument, Node};

/// What an operator does with the axes of its first tensor. `layers/axes.rs` follows the axes by this to find
/// where a value has rows and columns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Computes each element from the elements at the same place.
    Pointwise,
    /// Turns (N, C, H, W) into (N, C', H', W').
    Image,
    /// Keeps the meaning of every axis; sizes may change.
    Keep,
    /// Changes the axes in its own way. `layers/axes.rs` knows some of these by name.
    Other,
}

use Kind::{Image, Keep, Other, Pointwise};

/// The operators of "aten", sorted by name.
#[rustfmt::skip]
const ATEN: &[(&str, Kind)] = &[
    ("_fused_rms_norm", Keep),
    ("_upsample_bicubic2d_aa", Image), ("_upsample_bilinear2d_aa", Image),
    ("_upsample_nearest_exact2d", Image),
    ("abs", Pointwise), ("acos", Pointwise), ("acosh", Pointwise),
    ("adaptive_avg_pool1d", Other), ("adaptive_avg_pool2d", Image), ("adaptive_avg_pool3d", Other),
    ("adaptive_max_pool1d", Other), ("adaptive_max_pool2d", Image),
    ("add", Pointwise), ("addbmm", Other), ("addcdiv", Pointwise), ("addcmul", Pointwise),
    ("addmm", Other), ("addmv", Other), ("addr", Other), ("affine_grid_generator", Other),
    ("all", Other), ("amax", Other), ("amin", Other), ("aminmax", Other), ("any", Other),
    ("arange", Other), ("argmax", Other), ("argmin", Other), ("argsort", Keep),
    ("asin", Pointwise), ("asinh", Pointwise), ("atan", Pointwise), ("atan2", Pointwise),
    ("atanh", Pointwise), ("avg_pool1d", Other), ("avg_pool2d", Image), ("avg_pool3d", Other),
    ("baddbmm", Other), ("batch_norm", Keep), ("bilinear", Other),
    ("bitwise_and", Pointwise), ("bitwise_left_shift", Pointwise), ("bitwise_not", Pointwise),
    ("bitwise_or", Pointwise), ("bitwise_right_shift", Pointwise), ("bitwise_xor", Pointwise),
    ("bmm", Other), ("broadcast_tensors", Other), ("broadcast_to", Other), ("bucketize", Pointwise),
    ("cat", Other), ("cdist", Other), ("ceil", Pointwise), ("celu", Pointwise),
    ("channel_shuffle", Image), ("chunk", Keep), ("clamp", Pointwise), ("clamp_max", Pointwise),
    ("clamp_min", Pointwise), ("clip", Pointwise), ("col2im", Image), ("column_stack", Other),
    ("concat", Other), ("concatenate", Other), ("constant_pad_nd", Keep),
    ("conv1d", Other), ("conv2d", Image), ("conv3d", Other), ("conv_transpose1d", Other),
    ("conv_transpose2d", Image), ("convolution", Image), ("copysign", Pointwise),
    ("cos", Pointwise), ("cosh", Pointwise), ("cosine_similarity", Other), ("count_nonzero", Other),
    ("cross", Other), ("cummax", Keep), ("cummin", Keep), ("cumprod", Keep), ("cumsum", Keep),
    ("deg2rad", Pointwise), ("detach", Pointwise), ("diag", Other), ("diag_embed", Other),
    ("diagonal", Other), ("diagonal_scatter", Keep), ("diff", Keep), ("div", Pointwise),
    ("divide", Pointwise), ("dot", Other), ("dstack", Other),
    ("einsum", Other), ("elu", Pointwise), ("embedding", Other), ("eq", Pointwise),
    ("erf", Pointwise), ("erfc", Pointwise), ("exp", Pointwise), ("exp2", Pointwise),
    ("expand", Other), ("expand_as", Other), ("expm1", Pointwise), ("eye", Other),
    ("flatten", Other), ("flip", Keep), ("fliplr", Keep), ("flipud", Keep), ("floor", Pointwise),
    ("floor_divide", Pointwise), ("fmax", Pointwise), ("fmin", Pointwise), ("fmod", Pointwise),
    ("frac", Pointwise), ("full", Other), ("full_like", Pointwise),
    ("gather", Other), ("ge", Pointwise), ("gelu", Pointwise), ("glu", Keep), ("greater", Pointwise),
    ("greater_equal", Pointwise), ("grid_sampler", Image), ("grid_sampler_2d", Image),
    ("group_norm", Keep), ("gt", Pointwise),
    ("hardshrink", Pointwise), ("hardsigmoid", Pointwise), ("hardswish", Pointwise),
    ("hardtanh", Pointwise), ("heaviside", Pointwise), ("hsplit", Keep), ("hstack", Other),
    ("hypot", Pointwise),
    ("im2col", Other), ("index", Other), ("index_add", Keep), ("index_copy", Keep),
    ("index_fill", Keep), ("index_put", Keep), ("index_select", Keep), ("inner", Other),
    ("instance_norm", Keep), ("isfinite", Pointwise), ("isinf", Pointwise), ("isnan", Pointwise),
    ("kron", Other), ("kthvalue", Other),
    ("layer_norm", Keep), ("le", Pointwise), ("leaky_relu", Pointwise), ("lerp", Pointwise),
    ("less", Pointwise), ("less_equal", Pointwise), ("linalg_norm", Other),
    ("linalg_vector_norm", Other), ("linear", Keep), ("linspace", Other), ("log", Pointwise),
    ("log10", Pointwise), ("log1p", Pointwise), ("log2", Pointwise), ("log_sigmoid", Pointwise),
    ("log_softmax", Keep), ("logaddexp", Pointwise), ("logaddexp2", Pointwise),
    ("logcumsumexp", Keep), ("logical_and", Pointwise), ("logical_not", Pointwise),
    ("logical_or", Pointwise), ("logical_xor", Pointwise), ("logit", Pointwise),
    ("logsumexp", Other), ("lt", Pointwise),
    ("masked_fill", Pointwise), ("matmul", Other), ("max", Other), ("max_pool1d", Other),
    ("max_pool2d", Image), ("max_pool2d_with_indices", Image), ("max_pool3d", Other),
    ("maximum", Pointwise), ("mean", Other), ("median", Other), ("meshgrid", Other), ("min", Other),
    ("minimum", Pointwise), ("mish", Pointwise), ("mm", Other), ("moveaxis", Other),
    ("movedim", Other), ("msort", Keep), ("mul", Pointwise), ("multiply", Pointwise), ("mv", Other),
    ("nan_to_num", Pointwise), ("nanmean", Other), ("nansum", Other), ("narrow", Keep),
    ("native_group_norm", Keep), ("native_layer_norm", Keep), ("ne", Pointwise), ("neg", Pointwise),
    ("negative", Pointwise), ("norm", Other), ("not_equal", Pointwise),
    ("ones", Other), ("ones_like", Pointwise), ("outer", Other),
    ("pad", Keep), ("permute", Other), ("pixel_shuffle", Image), ("pixel_unshuffle", Image),
    ("pow", Pointwise), ("prelu", Pointwise), ("prod", Other),
    ("rad2deg", Pointwise), ("ravel", Other), ("reciprocal", Pointwise), ("reflection_pad1d", Keep),
    ("reflection_pad2d", Keep), ("relu", Pointwise), ("relu6", Pointwise), ("remainder", Pointwise),
    ("repeat", Other), ("repeat_interleave", Keep), ("replication_pad1d", Keep),
    ("replication_pad2d", Keep), ("reshape", Other), ("reshape_as", Other), ("rms_norm", Keep),
    ("roll", Keep), ("rot90", Other), ("round", Pointwise), ("rsqrt", Pointwise), ("rsub", Pointwise),
    ("scalar_tensor", Other), ("scaled_dot_product_attention", Other), ("scatter", Keep),
    ("scatter_add", Keep), ("scatter_reduce", Keep), ("searchsorted", Other), ("select", Other),
    ("select_scatter", Keep), ("selu", Pointwise), ("sgn", Pointwise), ("sigmoid", Pointwise),
    ("sign", Pointwise), ("silu", Pointwise), ("sin", Pointwise), ("sinc", Pointwise),
    ("sinh", Pointwise), ("slice", Keep), ("slice_scatter", Keep), ("softmax", Keep),
    ("softplus", Pointwise), ("softshrink", Pointwise), ("sort", Keep), ("split", Keep),
    ("split_with_sizes", Keep), ("sqrt", Pointwise), ("square", Pointwise), ("squeeze", Other),
    ("stack", Other), ("std", Other), ("std_mean", Other), ("sub", Pointwise),
    ("subtract", Pointwise), ("sum", Other), ("swapaxes", Other), ("swapdims", Other),
    ("sym_size", Other),
    ("t", Other), ("take", Other), ("take_along_dim", Other), ("tan", Pointwise),
    ("tanh", Pointwise), ("tensor_split", Keep), ("tensordot", Other), ("threshold", Pointwise),
    ("tile", Other), ("to", Pointwise), ("topk", Keep), ("trace", Other), ("transpose", Other),
    ("tril", Keep), ("tril_indices", Other), ("triu", Keep), ("triu_indices", Other),
    ("true_divide", Pointwise), ("trunc", Pointwise),
    ("unbind", Other), ("unflatten", Other), ("unfold", Other), ("unsafe_chunk", Keep),
    ("unsafe_split", Keep), ("unsafe_split_with_sizes", Keep), ("unsqueeze", Other),
    ("upsample_bicubic2d", Image), ("upsample_bilinear2d", Image), ("upsample_nearest2d", Image),
    ("var", Other), ("var_mean", Other), ("vdot", Other), ("vsplit", Keep), ("vstack", Other),
    ("where", Pointwise),
    ("xlogy", Pointwise),
    ("zeros", Other), ("zeros_like", Pointwise),
];

/// Operators, of those that are not the pass's own, whose output is W(x) x with their gradient W(x): they are
/// linear in each of the pieces that they cut the space of their inputs into, and have no bias.
const HOMOGENEOUS: [&str; 26] = [
    "adaptive_avg_pool2d",
    "adaptive_max_pool2d",
    "avg_pool2d",
    "channel_shuffle",
    "chunk",
    "constant_pad_nd",
    "expand",
    "flip",
    "leaky_relu",
    "max_pool2d",
    "max_pool2d_with_indices",
    "maximum",
    "narrow",
    "pad",
    "pixel_shuffle",
    "pixel_unshuffle",
    "prelu",
    "repeat",
    "select",
    "slice",
    "split",
    "split_with_sizes",
    "stack",
    "sum",
    "upsample_bilinear2d",
    "upsample_nearest2d",
];

/// Whether an operator of "aten" is one of [`HOMOGENEOUS`].
pub(crate) fn is_homogeneous(name: &str) -> bool {
    HOMOGENEOUS.contains(&name)
}

/// Arithmetic with the batch size.
pub(crate) const ARITHMETIC: [&str; 4] = [
    "_operator.add",
    "_operator.floordiv",
    "_operator.mul",
    "_operator.sub",
];
/// The operator that gives the size of an axis.
pub(crate) const SIZE: &str = "aten.sym_size.int";

/// Overloads that write to one of their arguments and whose names do not end in "out", as those of most others do.
const WRITING: [&str; 8] = [
    "dim_max",
    "dim_min",
    "grad_input",
    "names_dim_max",
    "names_dim_min",
    "n_dim_max",
    "values",
    "values_stable",
];

/// Refuses an operator that is neither of "aten" nor [`ARITHMETIC`]. `module` calls it.
pub(crate) fn check_origin(operator: &str, module: &str) -> Result<(), Problem> {
    let is_own = operator.starts_with("aten.") && operator.matches('.').count() == 2;
    match is_own || ARITHMETIC.contains(&operator) {
        true => Ok(()),
        false => Err(Problem::Operator {
            operator: quote(operator),
            module: place(module),
            expected: "one of PyTorch's own that computes from tensors alone; more can be asked for",
        }),
    }
}

/// Refuses the call of an operator that is not allowed.
pub(crate) fn check(node: &Node) -> Result<(), Problem> {
    check_origin(&node.operator, &node.module)?;
    let name = node.name();
    // Arithmetic has no overload and needs no further check.
    let Some((_, overload)) = node
        .operator
        .rsplit_once('.')
        .filter(|_| name != node.operator)
    else {
        return Ok(());
    };
    let refuse = |expected| Problem::Operator {
        operator: quote(&node.operator),
        module: place(&node.module),
        expected,
    };
    if is_random(name) {
        return Err(refuse(
            "none that draws random numbers: call model.eval() before the export",
        ));
    }
    let writes = overload.ends_with("out") || WRITING.contains(&overload);
    if kind(name).is_none() || writes {
        return Err(refuse(
            "one of those for image classifiers; it can be asked for",
        ));
    }
    // An ordinary overload may also be given a tensor to write to, as an argument "out…".
    let of_out = |(name, argument): &(String, Argument)| {
        name.starts_with("out") && matches!(argument, Argument::Tensor(_)) && name != "output"
    };
    match node.arguments.iter().any(of_out) {
        true => Err(refuse("a call without out=")),
        false => Ok(()),
    }
}

/// What an operator of "aten" does with the axes; `None` if a graph may not call it.
pub(crate) fn kind(name: &str) -> Option<Kind> {
    let index = ATEN.binary_search_by_key(&name, |&(name, _)| name).ok()?;
    Some(ATEN[index].1)
}

/// Whether an operator draws random numbers.
fn is_random(name: &str) -> bool {
    const START: [&str; 8] = [
        "bernoulli",
        "exponential",
        "multinomial",
        "normal",
        "poisson",
        "rand",
        "rrelu",
        "uniform",
    ];
    START.iter().any(|start| name.starts_with(start))
}

#[cfg(test)]
mod tests {
    use super::ATEN;

    #[test]
    fn the_table_is_sorted_so_that_it_can_be_searched() {
        for pair in ATEN.windows(2) {
            assert!(pair[0].0 < pair[1].0, "{} before {}", pair[0].0, pair[1].0);
        }
    }
}
