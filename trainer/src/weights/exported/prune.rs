//! Removes from the graph of an exported network the calls on which the logits do not depend and the constants
//! that no call uses any more, and numbers the remaining values without gaps.

use crate::network::graph::program::{Argument, Graph, GraphTensor, Size};
use crate::weights::exported::calls::Calls;

/// Makes a graph of the calls that are needed to compute the value `output` from the value `input`. `tensors` that
/// the state dict has stay, used or not.
pub(crate) fn prune(
    calls: Calls,
    input: usize,
    output: usize,
    mut tensors: Vec<GraphTensor>,
) -> Graph {
    let Calls { metas, nodes, .. } = calls;
    let mut needed = vec![false; metas.len()];
    needed[output] = true;
    needed[input] = true;
    let mut kept = Vec::new();
    for node in nodes.into_iter().rev() {
        if node.outputs.iter().any(|&output| needed[output]) {
            for value in node.tensors().chain(node.sizes()) {
                needed[value] = true;
            }
            for &value in &node.outputs {
                needed[value] = true;
            }
            kept.push(node);
        }
    }
    kept.reverse();
    tensors.retain(|tensor| tensor.persistent || needed[tensor.value]);
    for tensor in &tensors {
        needed[tensor.value] = true;
    }

    // The new number of each needed value.
    let mut number = 0;
    let numbers: Vec<usize> = needed
        .iter()
        .map(|&needed| {
            number += usize::from(needed);
            number.saturating_sub(1)
        })
        .collect();
    let renumber = |value: &mut usize| *value = numbers[*value];
    let resize = |size: &mut Size| {
        if let Size::Value(value) = size {
            renumber(value);
        }
    };
    for node in &mut kept {
        node.outputs.iter_mut().for_each(renumber);
        for (_, argument) in &mut node.arguments {
            match argument {
                Argument::Tensor(value) => renumber(value),
                Argument::Tensors(values) => values.iter_mut().flatten().for_each(renumber),
                Argument::Int(size) => resize(size),
                Argument::Ints(sizes) => sizes.iter_mut().for_each(resize),
                _ => {}
            }
        }
    }
    tensors
        .iter_mut()
        .for_each(|tensor| renumber(&mut tensor.value));
    let kept_metas = metas
        .into_iter()
        .zip(&needed)
        .filter(|(_, needed)| **needed);
    Graph {
        input: numbers[input],
        output: numbers[output],
        values: kept_metas.map(|(meta, _)| meta).collect(),
        tensors,
        nodes: kept,
        modules: Vec::new(),
    }
}
