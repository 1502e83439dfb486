//! Says which operators return a view, an output in the memory of their first tensor, and how the whole changes if
//! such a part of it is overwritten. `lower` needs both to replace the in-place operators of an exported network by
//! pure ones.

use crate::network::graph::program::{Argument, Meta, Node, OTHER, Size};

/// Whether an output shares memory with the first tensor among the arguments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sharing {
    /// No, it has memory of its own.
    Nothing,
    /// It shares memory unless the strides require a copy.
    Perhaps,
    /// Yes, always.
    Memory,
}

/// Operators whose outputs always share the memory of the input; sorted for the search.
const VIEWS: [&str; 26] = [
    "alias",
    "chunk",
    "detach",
    "diagonal",
    "expand",
    "expand_as",
    "moveaxis",
    "movedim",
    "narrow",
    "permute",
    "select",
    "slice",
    "split",
    "split_with_sizes",
    "squeeze",
    "swapaxes",
    "swapdims",
    "t",
    "tensor_split",
    "transpose",
    "unbind",
    "unflatten",
    "unfold",
    "unsqueeze",
    "view",
    "view_as",
];
/// Operators whose outputs sometimes share the memory of the input; sorted for the search.
const PERHAPS: [&str; 10] = [
    "broadcast_tensors",
    "broadcast_to",
    "contiguous",
    "flatten",
    "hsplit",
    "meshgrid",
    "ravel",
    "reshape",
    "reshape_as",
    "vsplit",
];

/// Returns whether the outputs of an operator of this name share memory with its first tensor.
pub(crate) fn sharing(name: &str) -> Sharing {
    if VIEWS.binary_search(&name).is_ok() {
        Sharing::Memory
    } else if PERHAPS.binary_search(&name).is_ok() {
        Sharing::Perhaps
    } else {
        Sharing::Nothing
    }
}

/// Returns the sizes of a tensor as an argument of `reshape`, where −1 stands for the one size that may depend on the
/// batch; `None` if more do.
pub(crate) fn shape(meta: &Meta) -> Option<Vec<Size>> {
    let size = meta.size()?;
    let is_known = |size: &&Option<i64>| matches!(size, Some(0..));
    if size.len() - size.iter().filter(is_known).count() > 1 {
        return None;
    }
    let inferred = |size: &Option<i64>| Size::Known(size.unwrap_or(OTHER));
    Some(size.iter().map(inferred).collect())
}

/// Returns operator and arguments of the call that computes `whole` with one part replaced by `part`; `None` if there
/// is no such operator. The part is the output number `output` of `node`, a view of `whole`. `whole_meta` is type and
/// size of `whole`, `parts` those of the view's outputs.
pub(crate) fn put_back(
    node: &Node,
    whole: usize,
    whole_meta: &Meta,
    parts: &[Meta],
    output: usize,
    part: usize,
) -> Option<(&'static str, Vec<(String, Argument)>)> {
    let number = |number: i64| Argument::Int(Size::Known(number));
    let call = |operator, arguments: Vec<(&str, Argument)>| {
        let named = |(name, argument): (&str, Argument)| (name.to_owned(), argument);
        Some((operator, arguments.into_iter().map(named).collect()))
    };
    let scatter = |operator, mut arguments: Vec<(&'static str, Argument)>| {
        let both = [
            ("self", Argument::Tensor(whole)),
            ("src", Argument::Tensor(part)),
        ];
        arguments.splice(0..0, both);
        call(operator, arguments)
    };
    let dim = |default: i64| number(node.int("dim").unwrap_or(default));
    match node.name() {
        "slice" => {
            let copied = ["dim", "start", "end", "step"]
                .into_iter()
                .filter_map(|name| {
                    let argument = node.argument(name)?;
                    Some((name, argument.clone()))
                });
            scatter("aten.slice_scatter.default", copied.collect())
        }
        "narrow" => {
            let (start, length) = (node.int("start")?, node.int("length")?);
            // A negative start counts from the end; `start + length` = 0 is then the end itself.
            let end = match start.checked_add(length)? {
                0 if start < 0 => i64::MAX,
                end => end,
            };
            let place = [
                ("dim", dim(0)),
                ("start", number(start)),
                ("end", number(end)),
            ];
            scatter("aten.slice_scatter.default", place.into())
        }
        "select" => {
            let index = node.argument("index")?.clone();
            scatter(
                "aten.select_scatter.default",
                vec![("dim", dim(0)), ("index", index)],
            )
        }
        "unbind" => {
            let index = number(i64::try_from(output).ok()?);
            scatter(
                "aten.select_scatter.default",
                vec![("dim", dim(0)), ("index", index)],
            )
        }
        "split" | "split_with_sizes" | "chunk" | "tensor_split" => {
            let n_axes = whole_meta.size()?.len() as i64;
            let axis = node.int("dim").unwrap_or(0);
            let axis = usize::try_from(if axis < 0 { axis + n_axes } else { axis }).ok()?;
            let along = |meta: &Meta| match meta.size()?.get(axis)? {
                Some(size @ 0..) => Some(*size),
                _ => None,
            };
            let start: i64 = parts[..output].iter().map(along).sum::<Option<i64>>()?;
            let end = start + along(parts.get(output)?)?;
            let place = [
                ("dim", dim(0)),
                ("start", number(start)),
                ("end", number(end)),
            ];
            scatter("aten.slice_scatter.default", place.into())
        }
        "reshape" | "squeeze" | "unflatten" | "unsqueeze" => call(
            "aten.reshape.default",
            vec![
                ("self", Argument::Tensor(part)),
                ("shape", Argument::Ints(shape(whole_meta)?)),
            ],
        ),
        "t" => call("aten.t.default", vec![("self", Argument::Tensor(part))]),
        "transpose" => call(
            "aten.transpose.int",
            vec![
                ("self", Argument::Tensor(part)),
                ("dim0", node.argument("dim0")?.clone()),
                ("dim1", node.argument("dim1")?.clone()),
            ],
        ),
        "permute" => {
            let dims = node.ints("dims")?;
            let n_axes = dims.len() as i64;
            let mut back = vec![Size::Known(0); dims.len()];
            for (to, from) in (0..).zip(dims) {
                let from = usize::try_from(if from < 0 { from + n_axes } else { from }).ok()?;
                *back.get_mut(from)? = Size::Known(to);
            }
            call(
                "aten.permute.default",
                vec![
                    ("self", Argument::Tensor(part)),
                    ("dims", Argument::Ints(back)),
                ],
            )
        }
        _ => None,
    }
}
