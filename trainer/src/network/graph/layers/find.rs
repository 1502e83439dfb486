//! Finds the layers at which a network read from a file can be explained: values of its graph that lie on every
//! path from the images to the logits, and that are maps, with a vector for each place of a grid.
//!
//! A layer is named by the outermost module whose output it is, the path by which PyTorch users know it
//! ("layer3", "features.4", "blocks.11").

use crate::network::graph::layers::axes;
pub use crate::network::graph::layers::candidate::{AxisOrder, Candidate};
use crate::network::graph::layers::dominators::Dominators;
use crate::network::graph::layers::head;
use crate::network::graph::layers::map;
use crate::network::graph::layers::names::{Calls, Names};
use crate::network::graph::problem::{Problem, quote};
use crate::network::graph::program::Graph;

/// The layers of a network, from the images to the logits.
#[derive(Clone, Debug)]
pub struct Layers {
    /// The layers in the order in which they are computed.
    pub candidates: Vec<Candidate>,
    /// The number of rows of the images.
    pub(crate) height: i64,
    /// The calls of modules, and which nodes each has.
    pub(crate) calls: Calls,
}

impl Layers {
    /// Finds the layers of a graph, which `weights/exported/` read from a file.
    pub fn of(graph: &Graph) -> Self {
        let axes = axes::follow(graph);
        let on_path = Dominators::of(graph);
        let mut names = Names::of(graph);
        let all = vec![true; graph.values.len()];
        // Which values' tokens reach the logits, for the last `before` that was asked for: (before, values).
        let mut of_tokens = (-1, Vec::new());
        let origins = map::origins(graph);
        let padded = map::padded(graph, &axes);
        let mut is_layer = vec![false; graph.values.len()];
        is_layer[graph.input] = true;
        let mut candidates: Vec<Candidate> = Vec::new();
        // The head and what follows it give classes, not a layer.
        let head = head::find(graph).map_or(graph.nodes.len(), |(node, _)| node);
        for (index, node) in graph.nodes[..head].iter().enumerate() {
            let [value] = node.outputs[..] else {
                continue;
            };
            // The pooling in front of the head brings the map to a fixed grid of its own. It is not a layer.
            if !on_path.is_passed_by_all(value) || node.name() == "adaptive_avg_pool2d" {
                continue;
            }
            let last = candidates.last().map(|candidate| candidate.grid);
            let Some((order, grid)) =
                map::order_and_grid(graph, value, axes[value].as_deref(), last)
            else {
                continue;
            };
            let Some(paths) = names.of_output(index, value) else {
                continue;
            };
            let channels = map::channels(&graph.values[value], order);
            let reaches = match order {
                AxisOrder::ChannelsFirst | AxisOrder::ChannelsLast => &all,
                AxisOrder::Tokens { before } => {
                    if of_tokens.0 != before {
                        of_tokens = (before, map::tokens_that_reach_logits(graph, before));
                    }
                    &of_tokens.1
                }
            };
            let mut paths = paths.into_iter();
            candidates.push(Candidate {
                value,
                module: paths.next().unwrap_or_default(),
                inner: paths.collect(),
                order,
                grid,
                channels,
                reaches_logits: reaches[value],
                is_only_normed: map::is_only_normed(graph, value, reaches),
                is_moved: origins[value].is_some_and(|origin| is_layer[origin]),
                is_padded: padded[value],
                node: index,
            });
            is_layer[value] = true;
        }
        Layers {
            candidates,
            height: graph.image()[1],
            calls: Calls::of(graph),
        }
    }

    /// Returns the layer that is the output of the module `name`: one of this name, else the last one that is the
    /// output of this module within another.
    ///
    /// # Errors
    /// There is no such module, or its output is no layer.
    pub fn find(&self, name: &str) -> Result<&Candidate, Problem> {
        let named = |candidate: &&Candidate| candidate.module == name;
        let within = |candidate: &&Candidate| candidate.inner.iter().any(|inner| inner == name);
        let candidates = &self.candidates;
        let found = candidates.iter().find(named);
        found
            .or_else(|| candidates.iter().rfind(within))
            .ok_or_else(|| self.missing(name))
    }

    /// Says why there is no layer of this name, and which layers are near.
    fn missing(&self, name: &str) -> Problem {
        let called = self.calls.first_of(name);
        let found = match called {
            Some(_) => {
                "a module that not all of the network passes through, or whose output is no map"
            }
            None => "no module of this name",
        };
        let near = |candidate: Option<&Candidate>| candidate.map(|one| quote(&one.module));
        let before =
            called.and_then(|call| self.candidates.iter().rfind(|one| one.node < call.last));
        let after = called.and_then(|call| self.candidates.iter().find(|one| one.node > call.last));
        let nearest = match (called, near(before), near(after)) {
            (Some(_), Some(before), Some(after)) => {
                format!("; the nearest are {before} before it and {after} after it")
            }
            (Some(_), Some(near), None) | (Some(_), None, Some(near)) => {
                format!("; the nearest is {near}")
            }
            _ => {
                let ends = (self.candidates.first(), self.candidates.last());
                match (near(ends.0), near(ends.1)) {
                    (Some(first), Some(last)) => format!("; the first is {first}, the last {last}"),
                    _ => "; this network has none".into(),
                }
            }
        };
        Problem::Layer {
            name: quote(name),
            found: found.into(),
            nearest,
        }
    }
}
