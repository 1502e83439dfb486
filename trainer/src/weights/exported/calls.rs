//! The calls of the graph that `lower` makes, in order, with the values that they make.

use crate::network::graph::program::{Meta, Node};

/// The calls so far.
#[derive(Default)]
pub(crate) struct Calls {
    /// What is known of each value.
    pub(crate) metas: Vec<Meta>,
    /// Whether each value depends on neither the images nor what is learned.
    pub(crate) constant: Vec<bool>,
    pub(crate) nodes: Vec<Node>,
}

impl Calls {
    /// Adds a value that no call makes.
    pub(crate) fn value(&mut self, meta: Meta, constant: bool) -> usize {
        self.metas.push(meta);
        self.constant.push(constant);
        self.metas.len() - 1
    }

    /// Adds a call, whose outputs are described by `metas`, and returns these.
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
