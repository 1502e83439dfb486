//! Finds the values of a graph that lie on every path from the images to the logits (the dominators of the logits).
//! A network can be cut there, and so explained.

use crate::network::graph::program::Graph;

/// Which values lie on every path from the images to the logits.
pub(crate) struct Dominators {
    /// The place of each value in the order in which the values on any such path are made; `None` for a value on
    /// no path.
    order: Vec<Option<usize>>,
    /// For each place in this order, whether no operator reads a value from before it and makes one after it.
    passed_by_all: Vec<bool>,
}

impl Dominators {
    /// Follows the paths of `graph`.
    pub(crate) fn of(graph: &Graph) -> Self {
        // Whether each value depends on the images, and whether the logits depend on it. Only tensors are followed:
        // integers depend on the batch size alone.
        let mut depends = vec![false; graph.values.len()];
        let mut leads = depends.clone();
        depends[graph.input] = true;
        leads[graph.output] = true;
        for node in &graph.nodes {
            if node.tensors().any(|value| depends[value]) {
                node.outputs
                    .iter()
                    .for_each(|&output| depends[output] = true);
            }
        }
        for node in graph.nodes.iter().rev() {
            if node.outputs.iter().any(|&output| leads[output]) {
                node.tensors().for_each(|value| leads[value] = true);
            }
        }
        let on_path = |value: &usize| depends[*value] && leads[*value];

        let mut order = vec![None; graph.values.len()];
        let outputs = graph.nodes.iter().flat_map(|node| &node.outputs);
        let values = [&graph.input].into_iter().chain(outputs);
        let mut n_values = 0;
        for &value in values.filter(|value| on_path(value)) {
            order[value] = Some(n_values);
            n_values += 1;
        }
        // For each place, the last place at which an operator that reads this value makes one.
        let mut reach = vec![0; n_values];
        for node in &graph.nodes {
            let made = node
                .outputs
                .iter()
                .filter_map(|&output| order[output])
                .max();
            for from in node.tensors().filter_map(|value| order[value]) {
                reach[from] = reach[from].max(made.unwrap_or(0));
            }
        }
        let mut furthest = 0;
        let passed_by_all = reach.iter().enumerate().map(|(place, &reach)| {
            let passed = furthest <= place;
            furthest = furthest.max(reach);
            passed
        });
        let passed_by_all = passed_by_all.collect();
        Dominators {
            order,
            passed_by_all,
        }
    }

    /// Whether the value number `value` lies on every path. A path goes through places in rising order, and each
    /// value among them is on some path; so the paths that avoid a place are those on which an operator jumps over it.
    pub(crate) fn is_passed_by_all(&self, value: usize) -> bool {
        self.order[value].is_some_and(|place| self.passed_by_all[place])
    }
}
