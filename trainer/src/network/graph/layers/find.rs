//! The layers at which a network can be explained: values that all of the network passes through between
//! the images and the logits, and that are maps, with a vector for each place of a grid.
//!
//! A layer is named by the outermost module whose output it is, the path by which PyTorch users know it
//! ("layer3", "features.4", "blocks.11").

use crate::network::graph::layers::axes;
pub use crate::network::graph::layers::candidate::{Candidate, Form};
use crate::network::graph::layers::dominators::OnPath;
use crate::network::graph::layers::form::{self, form};
use crate::network::graph::layers::head;
use crate::network::graph::layers::names::{Calls, Names};
use crate::network::graph::problem::{Problem, quote};
use crate::network::graph::program::Graph;

/// The layers of a network, from the images to the logits.
#[derive(Clone, Debug)]
pub struct Layers {
    /// All layers.
    pub candidates: Vec<Candidate>,
    /// Rows of the images.
    pub(crate) height: i64,
    /// The calls of modules.
    pub(crate) calls: Calls,
}

impl Layers {
    /// Finds the layers of a graph that `lower` made.
    pub fn of(graph: &Graph) -> Self {
        let axes = axes::follow(graph);
        let on_path = OnPath::of(graph);
        let mut names = Names::of(graph);
        let all = vec![true; graph.values.len()];
        // For the tokens behind this many.
        let mut of_tokens = (-1, Vec::new());
        let origins = form::origins(graph);
        let padded = form::padded(graph, &axes);
        let mut is_layer = vec![false; graph.values.len()];
        is_layer[graph.input] = true;
        let mut candidates: Vec<Candidate> = Vec::new();
        // What the head makes is classes, not a layer.
        let head = head::find(graph).map_or(graph.nodes.len(), |(node, _)| node);
        for (index, node) in graph.nodes[..head].iter().enumerate() {
            let [value] = node.outputs[..] else {
                continue;
            };
            // The pooling before the head gives a grid of a size of its own.
            if !on_path.is_passed_by_all(value) || node.name() == "adaptive_avg_pool2d" {
                continue;
            }
            let last = candidates.last().map(|candidate| candidate.grid);
            let Some((form, grid)) = form(graph, value, axes[value].as_deref(), last) else {
                continue;
            };
            let Some(paths) = names.of_output(index, value) else {
                continue;
            };
            let channels = form::channels(&graph.values[value], form);
            let reaches = match form {
                Form::ChannelsFirst | Form::ChannelsLast => &all,
                Form::Tokens { before } => {
                    if of_tokens.0 != before {
                        of_tokens = (before, form::tokens_that_reach_logits(graph, before));
                    }
                    &of_tokens.1
                }
            };
            let mut paths = paths.into_iter();
            candidates.push(Candidate {
                value,
                module: paths.next().unwrap_or_default(),
                inner: paths.collect(),
                form,
                grid,
                channels,
                reaches_logits: reaches[value],
                is_only_normed: form::is_only_normed(graph, value, reaches),
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

    /// The layer that is the output of the module `name`.
    ///
    /// # Errors
    /// A name that is no module's, or that of a module whose output is no layer.
    pub fn find(&self, name: &str) -> Result<&Candidate, Problem> {
        let named = |candidate: &&Candidate| candidate.module == name;
        let within = |candidate: &&Candidate| candidate.inner.iter().any(|inner| inner == name);
        let candidates = &self.candidates;
        let found = candidates.iter().find(named);
        found
            .or_else(|| candidates.iter().rfind(within))
            .ok_or_else(|| self.missing(name))
    }

    /// Says why there is no layer of this name, and which are near.
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
