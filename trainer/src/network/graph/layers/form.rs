//! What a value is as a map: where its axes are, how large its grid is, and what the rest of the network does
//! with its places.

use crate::network::graph::layers::axes::{self, Axis};
use crate::network::graph::program::{Argument, Graph, Meta, Node};
use crate::network::graph::layers::find::Form;
use crate::network::graph::operators::{Kind, kind};

/// Tokens in front of the pixels at most, where the graph does not say how many there are.
const MAX_BEFORE: i64 = 8;

/// Where the axes of a map are and its rows and columns; `None` where a value is no map of more than one
/// place. `last` is the grid of the layer before.
pub(crate) fn form(
    graph: &Graph,
    value: usize,
    axes: Option<&[Axis]>,
    last: Option<[i64; 2]>,
) -> Option<(Form, [i64; 2])> {
    let meta = &graph.values[value];
    if !meta.dtype().is_some_and(|dtype| dtype.is_float()) {
        return None;
    }
    let (form, grid) = match axes {
        Some(axes) => {
            let form = match axes {
                [Axis::Batch, Axis::Channel, ..] => Form::ChannelsFirst,
                [Axis::Batch, Axis::Tokens { before, .. }, _] => Form::Tokens { before: *before },
                _ => Form::ChannelsLast,
            };
            (form, axes::grid(axes, meta)?)
        }
        None => by_size(graph.image(), meta, last)?,
    };
    (grid[0] > 1 || grid[1] > 1).then_some((form, grid))
}

/// Tells the axes by sizes that fit the images' ratio, where the operators do not tell.
fn by_size(image: [i64; 3], meta: &Meta, last: Option<[i64; 2]>) -> Option<(Form, [i64; 2])> {
    let [_, height, width] = image;
    let fits = |rows: i64, columns: i64| {
        let [max_rows, max_columns] = last.unwrap_or([height, width]);
        if !(1..=max_rows).contains(&rows) || !(1..=max_columns).contains(&columns) {
            return false;
        }
        // One more or less row comes from rounding; a square image has a square grid.
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
            (true, _) => Some((Form::ChannelsFirst, [b, c])),
            (false, true) => Some((Form::ChannelsLast, [a, b])),
            (false, false) => None,
        },
        [None, Some(n_tokens), Some(_)] => {
            let [rows, columns] = last?;
            let before = n_tokens - rows * columns;
            let form = Form::Tokens { before };
            (0..=MAX_BEFORE)
                .contains(&before)
                .then_some((form, [rows, columns]))
        }
        _ => None,
    }
}

pub(crate) fn channels(meta: &Meta, form: Form) -> i64 {
    let size = meta.size().unwrap_or(&[]);
    let channels = match form {
        Form::ChannelsFirst => size.get(1),
        Form::ChannelsLast | Form::Tokens { .. } => size.last(),
    };
    channels.copied().flatten().unwrap_or(0)
}

/// Whether more of a map goes on to the logits than the tokens before its places.
pub(crate) fn places_reach_logits(graph: &Graph, value: usize, form: Form) -> bool {
    let Form::Tokens { before } = form else {
        return true;
    };
    let mut whole = vec![false; graph.values.len()];
    whole[value] = true;
    for node in &graph.nodes {
        if !node.tensors().any(|value| whole[value]) {
            continue;
        }
        let along = axes::position(node.int("dim").unwrap_or(0), 3);
        let number = |name: &str| node.int(name).filter(|&number| number >= 0);
        let takes_tokens_before = along == Some(1)
            && match node.name() {
                "select" => number("index").is_some_and(|index| index < before),
                "slice" => number("end").is_some_and(|end| end <= before),
                _ => false,
            };
        if takes_tokens_before {
            continue;
        }
        if !is_token_by_token(node) {
            return true;
        }
        node.outputs.iter().for_each(|&output| whole[output] = true);
    }
    whole[graph.output]
}

/// Whether an operator computes each token (N, T, C) from the same token of its inputs.
fn is_token_by_token(node: &Node) -> bool {
    let name = node.name();
    name == "linear" || of_channels(node) || kind(name) == Some(Kind::Pointwise)
}

/// Operators that only move the elements of one tensor.
const MOVES: [&str; 13] = [
    "constant_pad_nd",
    "flatten",
    "narrow",
    "pad",
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

/// The value whose elements the output of a node has in another order.
pub(crate) fn origin(graph: &Graph, node: &Node) -> Option<usize> {
    let mut origin = None;
    let mut maker = Some(node);
    while let Some(node) = maker.filter(|node| MOVES.contains(&node.name())) {
        let from = node.tensors().next()?;
        origin = Some(from);
        maker = graph.nodes.iter().find(|node| node.outputs.contains(&from));
    }
    origin
}

/// Whether all that is done with a value is to norm the channels of each place, or of some together. Such
/// norms ignore the scale of their input, so Input × Gradient in front of them sums to zero.
pub(crate) fn is_only_normed(graph: &Graph, value: usize) -> bool {
    let mut same = vec![false; graph.values.len()];
    same[value] = true;
    let mut is_normed = false;
    for node in &graph.nodes {
        if !node.tensors().any(|value| same[value]) {
            continue;
        }
        if of_channels(node) {
            is_normed = true;
        } else if MOVES.contains(&node.name()) || node.name() == "cat" {
            node.outputs.iter().for_each(|&output| same[output] = true);
        } else {
            return false;
        }
    }
    is_normed && !same[graph.output]
}

/// Whether an operator norms the channels of each place.
fn of_channels(node: &Node) -> bool {
    let shape = node.argument("normalized_shape");
    let is_norm = matches!(
        node.name(),
        "_fused_rms_norm" | "layer_norm" | "native_layer_norm" | "rms_norm"
    );
    is_norm && matches!(shape, Some(Argument::Ints(shape)) if shape.len() == 1)
}
