//! Finds what the axes of each value of a graph (a network read from a file) mean, from the images on: which axes
//! are rows and columns of the image, and which axis has the pixels as the tokens of a transformer.
//!
//! The output of a convolution is (N, C, rows, columns), a permutation moves axes, a reshape joins rows and columns
//! into tokens or takes them apart, a sum has the axes of its terms. Where this does not suffice, the axes stay
//! unknown (`None`). In code, `from` and `size` are the axes and sizes of an operator's first tensor, `out` the
//! sizes of its output.

use crate::network::graph::operators::{Kind, kind};
use crate::network::graph::program::{Graph, Meta, Node};

/// The meaning of an axis.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Axis {
    Batch,
    Channel,
    Row,
    Column,
    /// First `before` tokens that are no pixels, then the pixels row by row, then perhaps more tokens.
    Tokens {
        before: i64,
        height: i64,
        width: i64,
    },
    /// Of no known meaning.
    Other,
}

use Axis::{Batch, Channel, Column, Other, Row, Tokens};

/// The axes of (N, C, H, W).
const IMAGES: [Axis; 4] = [Batch, Channel, Row, Column];

/// The axes of a value; `None` if unknown.
type Axes = Option<Vec<Axis>>;

/// Returns the axes of every value.
pub(crate) fn follow(graph: &Graph) -> Vec<Axes> {
    let mut axes: Vec<Axes> = vec![None; graph.values.len()];
    axes[graph.input] = Some(IMAGES.into());
    for node in &graph.nodes {
        for (index, &output) in node.outputs.iter().enumerate() {
            let found = output_axes(graph, node, output, &axes);
            let n_axes = graph.values[output].size().map_or(0, <[_]>::len);
            axes[output] = found.filter(|found| found.len() == n_axes && index < n_outputs(node));
        }
    }
    axes
}

/// How many of an operator's outputs have the axes found; its other outputs are indices or statistics.
fn n_outputs(node: &Node) -> usize {
    match node.name() {
        "split"
        | "split_with_sizes"
        | "chunk"
        | "tensor_split"
        | "unbind"
        | "unsafe_chunk"
        | "unsafe_split"
        | "unsafe_split_with_sizes" => usize::MAX,
        _ => 1,
    }
}

/// Returns the axes of the value `output` of `node`; `axes` are those of the values before.
fn output_axes(graph: &Graph, node: &Node, output: usize, axes: &[Axes]) -> Axes {
    let out = graph.values[output].size()?;
    let first = node.tensors().next()?;
    let name = node.name();
    match kind(name)? {
        Kind::Image => return image(out, axes[first].as_deref()),
        Kind::Pointwise => {
            let mut alike = node
                .tensors()
                .filter(|&v| graph.values[v].size() == Some(out));
            return alike.find_map(|value| axes[value].clone());
        }
        _ => {}
    }
    if matches!(name, "cat" | "concat" | "concatenate") {
        return joined(graph, node, axes);
    }
    let from = axes[first].as_ref()?;
    let size = graph.values[first].size()?;
    let axis = |name: &str| position(node.int(name)?, from.len());
    match name {
        "slice" | "narrow" => sliced(node, from, size, out),
        "linear" | "matmul" => {
            // A linear map of the last axis keeps its meaning only if it is the channels: pixels would be mixed.
            let plain = name == "linear" || axes_of_matrix(graph, node);
            let (last, others) = from.split_last()?;
            let last = if *last == Channel { Channel } else { Other };
            plain.then(|| others.iter().copied().chain([last]).collect())
        }
        "permute" => {
            let dims = node.ints("dims")?;
            dims.iter()
                .map(|&dim| Some(from[position(dim, from.len())?]))
                .collect()
        }
        "transpose" | "swapaxes" | "swapdims" => {
            let (a, b) = match name {
                "swapaxes" => ("axis0", "axis1"),
                _ => ("dim0", "dim1"),
            };
            let mut swapped = from.clone();
            swapped.swap(axis(a)?, axis(b)?);
            Some(swapped)
        }
        "flatten" | "reshape" | "reshape_as" | "unflatten" | "squeeze" | "unsqueeze" => {
            regrouped(from, size, out)
        }
        "select" | "unbind" => {
            let removed = position(node.int("dim").unwrap_or(0), from.len())?;
            let mut left = from.clone();
            left.remove(removed);
            Some(left)
        }
        "expand" | "expand_as" if from.len() == out.len() => Some(from.clone()),
        "scaled_dot_product_attention" => None,
        "mean" | "sum" | "amax" | "amin" | "std" | "var" => reduced(node, from),
        _ if kind(name) == Some(Kind::Keep) => {
            // If the number of tokens changes, their places are no longer known (slicing is handled above).
            let same = |(axis, (old, new))| match axis {
                Tokens { .. } if old != new => Other,
                axis => axis,
            };
            let sizes = size.iter().zip(out);
            Some(from.iter().copied().zip(sizes).map(same).collect())
        }
        _ => None,
    }
}

/// Whether the second factor of a product is a matrix (two axes), as in a linear layer.
fn axes_of_matrix(graph: &Graph, node: &Node) -> bool {
    let other = node
        .tensor("other")
        .and_then(|other| graph.values[other].size());
    other.is_some_and(|size| size.len() == 2)
}

/// Returns the index of an axis that may be counted from the end (−1 is the last); `None` if there is no such axis.
pub(crate) fn position(axis: i64, n_axes: usize) -> Option<usize> {
    let n_axes = i64::try_from(n_axes).ok()?;
    let axis = if axis < 0 {
        axis.checked_add(n_axes)?
    } else {
        axis
    };
    usize::try_from(axis).ok().filter(|_| axis < n_axes)
}

/// The axes of the output of a convolution or pooling of images.
fn image(out: &[Option<i64>], from: Option<&[Axis]>) -> Axes {
    match (out, from) {
        ([None, _, _, _], Some([Batch, _, rows, columns])) => {
            Some(vec![Batch, Channel, *rows, *columns])
        }
        ([None, _, _, _], None) => Some(IMAGES.into()),
        _ => None,
    }
}

/// The axes of the output of a concatenation. Tokens that are put in front of the pixels add to `before`.
fn joined(graph: &Graph, node: &Node, axes: &[Axes]) -> Axes {
    let values: Vec<usize> = node.tensors().collect();
    let known = values.iter().position(|&value| axes[value].is_some())?;
    let mut joined = axes[values[known]].clone()?;
    let along = position(node.int("dim").unwrap_or(0), joined.len())?;
    if let Tokens {
        before,
        height,
        width,
    } = joined[along]
    {
        let is_tokens = |value: &usize| {
            let axis = axes[*value].as_ref().and_then(|axes| axes.get(along));
            matches!(axis, Some(Tokens { .. }))
        };
        let in_front = values[..known]
            .iter()
            .map(|&value| *graph.values[value].size()?.get(along)?);
        let in_front: Option<i64> = in_front.sum();
        joined[along] = match values.iter().filter(|value| is_tokens(value)).count() {
            1 => Tokens {
                before: before + in_front.filter(|&n| n >= 0)?,
                height,
                width,
            },
            _ => Other,
        };
    }
    Some(joined)
}

/// The axes of a slice: the axis of tokens stays one if the slice has all pixels.
fn sliced(node: &Node, from: &[Axis], size: &[Option<i64>], out: &[Option<i64>]) -> Axes {
    let along = position(node.int("dim").unwrap_or(0), from.len())?;
    let mut part = from.to_vec();
    if let Tokens {
        before,
        height,
        width,
    } = part[along]
    {
        let (length, left) = (size[along]?, out[along]?);
        let start = node.int("start").unwrap_or(0);
        let start = if start < 0 { start + length } else { start }.max(0);
        let holds_all = start <= before && before + height * width <= start + left;
        part[along] = match holds_all && node.int("step").unwrap_or(1) == 1 {
            true => Tokens {
                before: before - start,
                height,
                width,
            },
            false => Other,
        };
    }
    Some(part)
}

/// The axes of the output of a mean or the like over some axes.
fn reduced(node: &Node, from: &[Axis]) -> Axes {
    use crate::network::graph::program::Argument;
    let dims = node.ints("dim")?;
    let gone: Vec<usize> = dims
        .iter()
        .map(|&dim| position(dim, from.len()))
        .collect::<Option<_>>()?;
    let keeps = node.argument("keepdim") == Some(&Argument::Bool(true));
    let left =
        from.iter()
            .enumerate()
            .filter_map(|(index, &axis)| match (gone.contains(&index), keeps) {
                (false, _) => Some(axis),
                (true, true) => Some(Other),
                (true, false) => None,
            });
    Some(left.collect())
}

/// The axes after a reshape: axes of unchanged size stay, rows and columns become tokens, and tokens become rows
/// and columns. `None` if the sizes do not show which axes were joined or divided.
fn regrouped(from: &[Axis], size: &[Option<i64>], out: &[Option<i64>]) -> Axes {
    let mut axes = Vec::with_capacity(out.len());
    let (mut i, mut j) = (0, 0);
    while i < size.len() || j < out.len() {
        if i < size.len() && j < out.len() && size[i] == out[j] {
            axes.push(from[i]);
            (i, j) = (i + 1, j + 1);
            continue;
        }
        // The fewest axes from `i` and from `j` on whose sizes have the same product: the first become the second.
        let known = |size: &[Option<i64>], at: usize| match size.get(at) {
            None => Some(1),
            Some(size) => size.filter(|&size| size > 0),
        };
        let (mut i_end, mut j_end) = ((i + 1).min(size.len()), (j + 1).min(out.len()));
        let (mut before, mut after) = (known(size, i)?, known(out, j)?);
        while before != after {
            let grows = match before < after {
                true => (&mut before, &mut i_end, size),
                false => (&mut after, &mut j_end, out),
            };
            let (product, end, sizes) = grows;
            if *end == sizes.len() {
                return None;
            }
            *product = product.checked_mul(known(sizes, *end)?)?;
            *end += 1;
        }
        let parts: Vec<(Axis, i64)> = (i..i_end)
            .map(|i| (from[i], size[i].unwrap_or(1)))
            .collect();
        regroup(&parts, &out[j..j_end], &mut axes);
        (i, j) = (i_end, j_end);
    }
    Some(axes)
}

/// Pushes to `axes` the meanings of the axes of sizes `out` that the axes `parts` (meaning and size) become.
fn regroup(parts: &[(Axis, i64)], out: &[Option<i64>], axes: &mut Vec<Axis>) {
    // Axes of one element are ignored.
    let solid: Vec<(Axis, i64)> = parts
        .iter()
        .copied()
        .filter(|(_, size)| *size != 1)
        .collect();
    let solid_out: Vec<i64> = out
        .iter()
        .flatten()
        .copied()
        .filter(|&size| size != 1)
        .collect();
    let is_part = |(axis, _): &(Axis, i64)| matches!(axis, Channel | Other);
    let of_place = solid.iter().all(is_part) && solid.iter().any(|(axis, _)| *axis == Channel);
    let is_other = |(axis, _): &(Axis, i64)| *axis == Other;
    let groups = |axis, n_rest| [axis].into_iter().chain(vec![Other; n_rest]).collect();
    let new: Vec<Axis> = match (&solid[..], &solid_out[..]) {
        ([(axis, _)], [_]) => vec![*axis],
        ([(Row, height), (Column, width)], [_]) => vec![Tokens {
            before: 0,
            height: *height,
            width: *width,
        }],
        (
            [
                (
                    Tokens {
                        before: 0,
                        height,
                        width,
                    },
                    _,
                ),
            ],
            [rows, columns],
        ) if (rows, columns) == (height, width) => vec![Row, Column],
        // Rows in groups, as where patches are merged: each group is a row of a coarser grid.
        ([(Row, _)], [_, rest @ ..]) => groups(Row, rest.len()),
        ([(Column, _)], [_, rest @ ..]) => groups(Column, rest.len()),
        // The reverse: the groups become rows again.
        ([(Row, _), rest @ ..], [_]) if rest.iter().all(is_other) => vec![Row],
        ([(Column, _), rest @ ..], [_]) if rest.iter().all(is_other) => vec![Column],
        // The channels divided, or joined with the elements of a group: all belong to one place, as channels.
        ([(Channel, _)], _) => vec![Channel; solid_out.len()],
        (_, [_]) if of_place => vec![Channel],
        _ => vec![Other; solid_out.len()],
    };
    let mut new = new.into_iter();
    for &size in out {
        axes.push(match size {
            Some(1) => Other,
            _ => new.next().unwrap_or(Other),
        });
    }
}

/// Returns the rows and columns of a value with these axes; `None` if it is no map.
pub(crate) fn grid(axes: &[Axis], meta: &Meta) -> Option<[i64; 2]> {
    let size = meta.size()?;
    let of = |wanted: Axis| {
        let index = axes.iter().position(|&axis| axis == wanted)?;
        size.get(index).copied()?
    };
    match axes {
        [Batch, Channel, Row, Column] | [Batch, Row, Column, Channel] => {
            Some([of(Row)?, of(Column)?])
        }
        [Batch, Tokens { height, width, .. }, Channel] => Some([*height, *width]),
        _ => None,
    }
}
