//! Defines [`GraphNetwork`], a network that is a graph of operators (nodes) read from a file. It is cut into the
//! five stages that every network has, at the values that are its layers `mid1`, `mid2`, `mid3` and `final`. A
//! stage evaluates the nodes between two of these values.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use tch::{TchError, Tensor};

use crate::network::graph::description::Description;
use crate::network::graph::evaluation::{Evaluation, kind};
use crate::network::graph::operations;
use crate::network::graph::program::{Graph, GraphTensor, Node, Role};
use crate::network::params::{Init, Params};
use crate::network::pass::{Pass, Value};
use crate::network::stages::{FeatureAxes, Network, STAGES};

/// A network read from a file, with the tensors of a [`Params`].
pub(super) struct GraphNetwork {
    description: Arc<Description>,
    /// Weights, buffers and constants by the number of their value in the graph.
    tensors: HashMap<usize, Tensor>,
    stages: Vec<Stage>,
}

/// A node that a stage evaluates.
#[derive(Debug)]
struct Step {
    /// The node's index in the graph.
    node: usize,
    /// Its inputs that no later node of the stage needs.
    last: Vec<usize>,
    /// Those of `last` that no earlier node took either, so that this one may write over them. An input of an
    /// earlier node may still be needed by that node's backward pass.
    own: Vec<usize>,
}

/// The part of a graph between two layers.
#[derive(Debug)]
struct Stage {
    /// The value it starts from.
    from: usize,
    /// The value it computes; the same as `from` where the network lacks a layer.
    to: usize,
    /// The nodes it evaluates, in order.
    steps: Vec<Step>,
}

impl GraphNetwork {
    /// Creates the tensors, the head's for `n_classes` classes. The head starts from random values, as PyTorch's
    /// linear layers; all other tensors are zeros until weights are loaded. Counters of batches that no node reads are
    /// left out.
    pub(super) fn new(description: Arc<Description>, p: &mut Params, n_classes: i64) -> Self {
        let graph = &description.graph;
        let used: HashSet<usize> = graph.nodes.iter().flat_map(Node::tensors).collect();
        let is_kept = |tensor: &&GraphTensor| used.contains(&tensor.value) || !is_counter(tensor);
        let mut tensors = HashMap::new();
        for tensor in graph.tensors.iter().filter(is_kept) {
            let meta = &graph.values[tensor.value];
            let (Some(mut size), Some(dtype)) = (meta.fixed_size(), meta.dtype()) else {
                unreachable!("a valid graph has tensors of known size and type")
            };
            let mut init = Init::Constant(0.0);
            if description.head.contains(&tensor.name) {
                size[0] = n_classes;
                init = Init::UniformFanIn(description.head_inputs);
            }
            let name = stored_name(tensor);
            let is_trained = tensor.role == Role::Parameter && used.contains(&tensor.value);
            let made = match (dtype.is_float(), is_trained) {
                (true, true) => p.weight(name, &size, init),
                (true, false) => p.buffer(name, &size, 0.0),
                (false, _) => p.fixed(name, &size, kind(dtype)),
            };
            tensors.insert(tensor.value, made);
        }
        let ends: Vec<usize> = description.cuts().collect();
        let starts = [graph.input].into_iter().chain(ends.iter().copied());
        let stages = starts
            .zip(ends.iter().copied().chain([graph.output]))
            .map(|(from, to)| Stage::new(graph, from, to))
            .collect();
        GraphNetwork {
            description,
            tensors,
            stages,
        }
    }
}

/// Whether a tensor is a batch norm's counter of batches, which hardly any network reads.
fn is_counter(tensor: &GraphTensor) -> bool {
    tensor.name.ends_with("num_batches_tracked")
}

/// Returns the name of a tensor in weight files: its own, with [`CONSTANT`] before it if the model's state dict
/// does not have the tensor.
pub fn stored_name(tensor: &GraphTensor) -> String {
    match tensor.persistent {
        true => tensor.name.clone(),
        false => format!("{CONSTANT}{}", tensor.name),
    }
}

/// Precedes, in weight files, the names of tensors that are not in the model's state dict.
pub const CONSTANT: &str = "@";

impl Stage {
    /// Finds the nodes that compute the value `to` from the value `from`, and which of their inputs each may
    /// forget or overwrite.
    fn new(graph: &Graph, from: usize, to: usize) -> Self {
        let mut producers = HashMap::new();
        for (index, node) in graph.nodes.iter().enumerate() {
            producers.extend(node.outputs.iter().map(|&output| (output, index)));
        }
        let mut needed = HashSet::new();
        let mut open = vec![to];
        while let Some(value) = open.pop() {
            if value == from {
                continue;
            }
            let Some(&index) = producers.get(&value) else {
                continue;
            };
            if needed.insert(index) {
                let node = &graph.nodes[index];
                // The batch's size is that of `from` too, so the images are not needed for it.
                let is_size = node.operator == "aten.sym_size.int";
                open.extend(node.tensors().filter(|&at| !(is_size && at == graph.input)));
                open.extend(node.sizes());
            }
        }
        // In the graph's order a node comes after those that make its inputs.
        let mut order: Vec<usize> = needed.into_iter().collect();
        order.sort_unstable();
        let mut seen = HashSet::from([to]);
        // `to` and `from` belong to the caller too, so no node may overwrite them.
        let mut n_uses: HashMap<usize, usize> = HashMap::from([(to, 1), (from, 1)]);
        for &node in &order {
            for value in graph.nodes[node].tensors() {
                *n_uses.entry(value).or_default() += 1;
            }
        }
        // From the last node to the first: the first one met here that reads a value is the last to run.
        let mut steps: Vec<Step> = order
            .into_iter()
            .rev()
            .map(|node| {
                let used = graph.nodes[node].tensors();
                let last: Vec<usize> = used.filter(|&value| seen.insert(value)).collect();
                let own = last.iter().copied().filter(|value| n_uses[value] == 1);
                Step {
                    node,
                    own: own.collect(),
                    last,
                }
            })
            .collect();
        steps.reverse();
        Stage { from, to, steps }
    }
}

impl Network for GraphNetwork {
    fn stage(&self, stage: usize, x: &Value, pass: &Pass) -> Result<Value, TchError> {
        let graph = &self.description.graph;
        let Stage { from, to, steps } = &self.stages[stage];
        let mut evaluation = Evaluation::new(graph, pass, (*from, x.share()), &self.tensors);
        for Step { node, last, own } in steps {
            operations::run(&mut evaluation, &graph.nodes[*node], own)?;
            evaluation.forget(last);
        }
        evaluation
            .take(*to)
            .ok_or_else(|| TchError::Torch("the stage's output was not computed".to_owned()))
    }

    fn feature_axes(&self, layer: usize) -> FeatureAxes {
        match layer {
            0 => FeatureAxes::Map,
            layer => self.description.feature_axes(layer),
        }
    }
}

const _: () = assert!(
    STAGES == 5,
    "a description has four layers behind the input"
);
