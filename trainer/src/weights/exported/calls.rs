//! Collects the calls of operators (nodes) of the graph that `lower` makes of an exported network, in order, and
//! what is known of the values that they make.

use crate::network::graph::program::{Meta, Node};

/// The calls so far.
#[derive(Default)]
pub(crate) struct Calls {
    /// The type and size of each value, by its number.
    pub(crate) metas: Vec<Meta>,
    /// Whether each value depends on neither the images nor what is learned.
    pub(crate) constant: Vec<bool>,
    /// The calls.
    pub(crate) nodes: Vec<Node>,
}

impl Calls {
    /// Adds a value that no call makes, or the output of a call; returns its number.
    pub(crate) fn value(&mut self, meta: Meta, constant: bool) -> usize {
        self.metas.push(meta);
        self.constant.push(constant);
        self.metas.len() - 1
    }

    /// Adds a call with outputs of the types and sizes `metas`; returns the numbers of the outputs.
    pub(crate) fn add(&mut self, mut node: Node, metas: &[Meta]) -> Vec<usize> {
        node.constant = node.sizes().next().is_none()
            && node.tensors().all(|value| self.constant[value])
            && metas.iter().all(|meta| meta.fixed_size().is_some());
        let outputs = metas
            .iter()
            .map(|meta| self.value(meta.clone(), node.constant));
        node.outputs = outputs.collect();
        let outputs = node.outputs.clone();
        self.nodes.push(node);
        outputs
    }
}
