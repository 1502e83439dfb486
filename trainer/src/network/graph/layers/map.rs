//! Finds whether a value of a graph (a network read from a file) is a map, with a vector for each place of a grid:
//! the order of its axes, the size of its grid, and what the rest of the network does with its places.

use crate::network::graph::layers::axes::{self, Axis};
use crate::network::graph::layers::candidate::AxisOrder;
use crate::network::graph::operators::{Kind, kind};
use crate::network::graph::program::{Argument, Graph, Meta, Node};

/// The most tokens in front of the pixels if the graph does not say how many there are: a class token, a
/// distillation token and some registers.
const MAX_BEFORE: i64 = 8;

/// Returns the order of a map's axes, and its grid [rows, columns]; `None` if a value is no map of more than one
/// place. `axes` are the value's, if known, `last` is the grid of the layer before.
pub(crate) fn order_and_grid(
    graph: &Graph,
    value: usize,
    axes: Option<&[Axis]>,
    last: Option<[i64; 2]>,
) -> Option<(AxisOrder, [i64; 2])> {
    let meta = &graph.values[value];
    if !meta.dtype().is_some_and(|dtype| dtype.is_float()) {
        return None;
    }
    let (order, grid) = match axes.filter(|axes| !axes.contains(&Axis::Other)) {
        Some(axes) => {
            let order = match axes {
                [Axis::Batch, Axis::Channel, ..] => AxisOrder::ChannelsFirst,
                [Axis::Batch, Axis::Tokens { before, .. }, _] => {
                    AxisOrder::Tokens { before: *before }
                }
                _ => AxisOrder::ChannelsLast,
            };
            (order, axes::grid(axes, meta)?)
        }
        None => by_size(graph.image(), meta, last)?,
    };
    (grid[0] > 1 || grid[1] > 1).then_some((order, grid))
}

/// Guesses the order of the axes and the grid from the sizes alone, where the operators do not tell the axes: the
/// grid must have the aspect ratio of the images ([channels, height, width]) and be no finer than `last`.
fn by_size(image: [i64; 3], meta: &Meta, last: Option<[i64; 2]>) -> Option<(AxisOrder, [i64; 2])> {
    let [_, height, width] = image;
    let fits = |rows: i64, columns: i64| {
        let [max_rows, max_columns] = last.unwrap_or([height, width]);
        if !(1..=max_rows).contains(&rows) || !(1..=max_columns).contains(&columns) {
            return false;
        }
        // Rounding may give one row or column more or less; but a square image has a square grid.
        let apart = (rows * width - columns * height).abs();
        apart
            < if height == width {
                1
            } else {
                height.max(width)
            }
    };
    match *meta.size()? {
        [None, Some(a), Some(b), Some(c)] => match (fits(b, c), fits(a, b)) {
            (true, _) => Some((AxisOrder::ChannelsFirst, [b, c])),
            (false, true) => Some((AxisOrder::ChannelsLast, [a, b])),
            (false, false) => None,
        },
        [None, Some(n_tokens), Some(_)] => {
            let mut grid = last?;
            let mut most_before = MAX_BEFORE;
            // The grid of the layer before, or half of it, a quarter …, these with at most a class token.
            while grid[0] > 1 && grid[1] > 1 {
                let before = n_tokens - grid[0] * grid[1];
                if (0..=most_before).contains(&before) {
                    return Some((AxisOrder::Tokens { before }, grid));
                }
                (grid, most_before) = (grid.map(|size| (size + 1) / 2), 1);
            }
            None
        }
        _ => None,
    }
}

/// The number of channels of a map with axes in this order; 0 if unknown.
pub(crate) fn channels(meta: &Meta, order: AxisOrder) -> i64 {
    let size = meta.size().unwrap_or(&[]);
    let channels = match order {
        AxisOrder::ChannelsFirst => size.get(1),
        AxisOrder::ChannelsLast | AxisOrder::Tokens { .. } => size.last(),
    };
    channels.copied().flatten().unwrap_or(0)
}

/// Returns for each value (N, T, C) whether the logits depend on its tokens from number `before` on, and not only
/// on those in front, such as the class token. For values of other shapes the result means nothing.
pub(crate) fn tokens_that_reach_logits(graph: &Graph, before: i64) -> Vec<bool> {
    let mut reaches = vec![false; graph.values.len()];
    reaches[graph.output] = true;
    for node in graph.nodes.iter().rev() {
        let along = axes::position(node.int("dim").unwrap_or(0), 3);
        let number = |name: &str| node.int(name).filter(|&number| number >= 0);
        let takes_tokens_before = along == Some(1)
            && match node.name() {
                "select" => number("index").is_some_and(|index| index < before),
                "slice" => number("end").is_some_and(|end| end <= before),
                _ => false,
            };
        let output_reaches = node.outputs.iter().any(|&output| reaches[output]);
        if !takes_tokens_before && (output_reaches || !is_token_by_token(node)) {
            node.tensors().for_each(|value| reaches[value] = true);
        }
    }
    reaches
}

/// Whether an operator computes each token (N, T, C) from the same token of its inputs.
fn is_token_by_token(node: &Node) -> bool {
    let name = node.name();
    name == "linear" || of_channels(node) || kind(name) == Some(Kind::Pointwise)
}

/// Operators that only move the elements of one tensor, or take some of them.
const MOVES: [&str; 11] = [
    "flatten",
    "narrow",
    "permute",
    "reshape",
    "roll",
    "slice",
    "squeeze",
    "to",
    "transpose",
    "unflatten",
    "unsqueeze",
];

/// Operators that add places around a map.
const PADS: [&str; 4] = [
    "constant_pad_nd",
    "pad",
    "reflection_pad2d",
    "replication_pad2d",
];

/// Operators that norm a map without moving its places.
const NORMS: [&str; 6] = [
    "_fused_rms_norm",
    "batch_norm",
    "group_norm",
    "instance_norm",
    "layer_norm",
    "rms_norm",
];

/// Whether an operator only moves the elements of one tensor, or adds some around them.
fn moves(node: &Node) -> bool {
    MOVES.contains(&node.name()) || PADS.contains(&node.name())
}

/// Returns for each value whether it is a padded map or was computed place by place from one: all values between a
/// padding and the convolution or pooling that it is for. `axes` are the axes of each value.
pub(crate) fn padded(graph: &Graph, axes: &[Option<Vec<Axis>>]) -> Vec<bool> {
    let grid = |value: usize| axes::grid(axes[value].as_deref()?, &graph.values[value]);
    let mut padded = vec![false; graph.values.len()];
    for node in &graph.nodes {
        let (Some(from), [output]) = (node.tensors().next(), &node.outputs[..]) else {
            continue;
        };
        let name = node.name();
        padded[*output] = if PADS.contains(&name) {
            let larger =
                |before: [i64; 2], after: [i64; 2]| after[0] > before[0] || after[1] > before[1];
            let grows = grid(from).zip(grid(*output));
            padded[from] || grows.is_some_and(|(before, after)| larger(before, after))
        } else if kind(name) == Some(Kind::Pointwise) || NORMS.contains(&name) {
            node.tensors().any(|value| padded[value])
        } else {
            false
        };
    }
    padded
}

/// Returns for each value that was only moved, the value that its elements come from in the first place; `None` for
/// a value that was computed.
pub(crate) fn origins(graph: &Graph) -> Vec<Option<usize>> {
    let mut origins = vec![None; graph.values.len()];
    for node in &graph.nodes {
        let from = node.tensors().next();
        if let (Some(from), [output]) = (from, &node.outputs[..])
            && moves(node)
        {
            origins[*output] = origins[from].or(Some(from));
        }
    }
    origins
}

/// Whether only norms over the channels of each place, or of some places joined, read a value (perhaps after it was
/// moved). Such norms ignore the scale of their input, so Input × Gradient in front of them sums to zero. Only
/// nodes count that make a value in `reaches`.
pub(crate) fn is_only_normed(graph: &Graph, value: usize, reaches: &[bool]) -> bool {
    let mut same = vec![false; graph.values.len()];
    same[value] = true;
    let mut is_normed = false;
    for node in &graph.nodes {
        let counts = node.outputs.iter().any(|&output| reaches[output]);
        if !counts || !node.tensors().any(|value| same[value]) {
            continue;
        }
        if of_channels(node) {
            is_normed = true;
        } else if moves(node) || node.name() == "cat" {
            node.outputs.iter().for_each(|&output| same[output] = true);
        } else {
            return false;
        }
    }
    is_normed && !same[graph.output]
}

/// Whether an operator is a norm over the channels of each place: over the last axis alone.
fn of_channels(node: &Node) -> bool {
    let shape = node.argument("normalized_shape");
    let is_norm = matches!(
        node.name(),
        "_fused_rms_norm" | "layer_norm" | "native_layer_norm" | "rms_norm"
    );
    is_norm && matches!(shape, Some(Argument::Ints(shape)) if shape.len() == 1)
}
