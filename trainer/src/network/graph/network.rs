//! Defines [`GraphNetwork`], a network that is a graph read from a file. It is cut into the five stages of
//! every network at the values that stand for the paper's layers; a stage evaluates the nodes between two of
//! them.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use tch::{TchError, Tensor};

use crate::network::graph::description::Description;
use crate::network::graph::evaluation::{Evaluation, kind};
use crate::network::graph::operations;
use crate::network::graph::program::{Graph, GraphTensor, Node, Role};
use crate::network::params::{Init, Params};
use crate::network::pass::{Pass, Value};
use crate::network::stages::{Form, Network, STAGES};

/// A network read from a file, with the tensors of a [`Params`].
pub(super) struct GraphNetwork {
    description: Arc<Description>,
    /// Weights, buffers and constants by the number of their value.
    tensors: HashMap<usize, Tensor>,
    stages: Vec<Stage>,
}

/// A node that a stage evaluates.
#[derive(Debug)]
struct Step {
    node: usize,
    /// The values that no later node needs.
    last: Vec<usize>,
    /// Those of them that no other node needs either, so that this one may write over them: libtorch keeps
    /// what earlier nodes took for its backward pass.
    own: Vec<usize>,
}

/// The part of a graph between two layers.
#[derive(Debug)]
struct Stage {
    /// The value it starts from.
    from: usize,
    /// The value it computes; the same as `from` where the network lacks a layer.
    to: usize,
    /// What it does, in order.
    steps: Vec<Step>,
}

impl GraphNetwork {
    /// Creates the tensors, the head's for `n_classes` classes. Only a head for other classes than the
    /// file's gets random values, those of PyTorch's linear layers; all others are zeros until weights are
    /// loaded.
    pub(super) fn new(description: Arc<Description>, p: &mut Params, n_classes: i64) -> Self {
        let graph = &description.graph;
        let used: HashSet<usize> = graph.nodes.iter().flat_map(Node::tensors).collect();
        let mut tensors = HashMap::new();
        for tensor in graph.tensors.iter().filter(|tensor| !is_counter(tensor)) {
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

/// Whether a tensor counts batches, which no network reads.
fn is_counter(tensor: &GraphTensor) -> bool {
    tensor.name.ends_with("num_batches_tracked")
}

/// Under which name a tensor is kept in weight files: its own, or one that begins with [`CONSTANT`] where no
/// state dict has it.
pub fn stored_name(tensor: &GraphTensor) -> String {
    match tensor.persistent {
        true => tensor.name.clone(),
        false => format!("{CONSTANT}{}", tensor.name),
    }
}

/// The beginning of the names of tensors that no state dict has.
pub const CONSTANT: &str = "@";

impl Stage {
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
                // The batch's size is known from any value, so its image is not wanted.
                let is_size = node.operator == "aten.sym_size.int";
                open.extend(node.tensors().filter(|&at| !(is_size && at == graph.input)));
                open.extend(node.sizes());
            }
        }
        let mut order: Vec<usize> = needed.into_iter().collect();
        order.sort_unstable();
        let mut seen = HashSet::from([to]);
        let mut n_uses: HashMap<usize, usize> = HashMap::from([(to, 1), (from, 1)]);
        for &node in &order {
            for value in graph.nodes[node].tensors() {
                *n_uses.entry(value).or_default() += 1;
            }
        }
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

    fn form(&self, layer: usize) -> Form {
        match layer {
            0 => Form::Map,
            layer => self.description.form(layer),
        }
    }
}

const _: () = assert!(
    STAGES == 5,
    "a description has four layers behind the input"
);
