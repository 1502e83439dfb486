//! The layers at which a network can be explained: values that all of the network passes through between
//! the images and the logits, and that are maps, with a vector for each place of a grid.
//!
//! A layer is named by the outermost module whose output it is, the path by which PyTorch users know it
//! ("layer3", "features.4", "blocks.11").

use crate::network::graph::layers::axes;
use crate::network::graph::layers::dominators::OnPath;
use crate::network::graph::layers::form::{self, form};
use crate::network::graph::program::Graph;
use crate::network::graph::layers::head;
use crate::network::graph::layers::names::{self, Names};
use crate::network::graph::problem::{Problem, quote};

/// A layer that can be explained.
#[derive(Clone, Debug, PartialEq)]
pub struct Candidate {
    /// Its value.
    pub value: usize,
    /// The outermost module whose output it is; "@1" follows for the module's second call, and so on. "+"
    /// follows the last module before it where it is what the model itself makes of that one's output.
    pub module: String,
    /// The further modules within that one whose output it is.
    pub inner: Vec<String>,
    /// Where its axes are.
    pub form: Form,
    /// Rows and columns.
    pub grid: [i64; 2],
    /// Numbers at each place.
    pub channels: i64,
    /// Whether the logits depend on the places of the map, as far as the graph shows. Behind the last block
    /// of a transformer often only the class token goes on to them.
    pub reaches_logits: bool,
    /// Whether all that is done with it is to norm the channels of each place. Such norms ignore the scale
    /// of their input, so Input × Gradient, summed over the channels, is zero there but for rounding (for
    /// Swin, the sum over the places that are merged; for a ViT, in front of the last block, from which only
    /// the class token goes on).
    pub is_only_normed: bool,
    /// Whether it is only another order of the elements of a layer before it.
    pub is_moved: bool,
    /// The node that makes it.
    node: usize,
}

impl Candidate {
    /// Whether it is the output of a module.
    fn is_output(&self) -> bool {
        !self.module.contains(names::MADE_OF)
    }
}

/// Where the axes of a map are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// (N, C, h, w).
    ChannelsFirst,
    /// (N, h, w, C).
    ChannelsLast,
    /// (N, T, C): `before` tokens of another kind, the h · w places row after row, and perhaps more tokens.
    Tokens {
        /// Class, distillation and register tokens.
        before: i64,
    },
}

/// The layers of a network, from the images to the logits.
#[derive(Clone, Debug)]
pub struct Layers {
    /// All layers.
    pub candidates: Vec<Candidate>,
    /// Rows of the images.
    height: i64,
    /// The modules in the order in which they are called first, with their first and last node.
    modules: Vec<names::Module>,
}

/// Names of the layers by default, the last of which is always there.
const DEFAULTS: [&str; 4] = ["mid1", "mid2", "mid3", "final"];

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
        let mut is_layer = vec![false; graph.values.len()];
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
                node: index,
            });
            is_layer[value] = true;
        }
        Layers {
            candidates,
            height: graph.image()[1],
            modules: names::modules(graph),
        }
    }

    /// The layer that is the output of the module `name`.
    pub fn find(&self, name: &str) -> Result<&Candidate, Problem> {
        let named = |candidate: &&Candidate| candidate.module == name;
        let within = |candidate: &&Candidate| candidate.inner.iter().any(|inner| inner == name);
        let candidates = &self.candidates;
        let found = candidates.iter().find(named);
        found
            .or_else(|| candidates.iter().rfind(within))
            .ok_or_else(|| self.missing(name))
    }

    /// The layers `mid1` to `final`, or fewer, of those that are `usable`: the last stages of each of the
    /// last four resolutions, or the last layers of each quarter of the blocks where all have the same.
    ///
    /// A stage ends before the module that brings its output to the next resolution. What is only normed
    /// afterwards is not taken: the norm's output is, where it has the same resolution, else the layer before.
    pub fn defaults(&self, usable: impl Fn(&Candidate) -> bool) -> Vec<(&'static str, &Candidate)> {
        let all: Vec<&Candidate> = self.candidates.iter().collect();
        let halvings = |candidate: &&Candidate| {
            let rows = candidate.grid[0].max(1) as f64;
            (self.height as f64 / rows).log2().round() as i64
        };
        let stages: Vec<&[&Candidate]> = all.chunk_by(|a, b| halvings(a) == halvings(b)).collect();
        let chosen = match stages[..] {
            [] => Vec::new(),
            [blocks] => quarters(blocks, usable),
            _ => {
                let start =
                    |stage: usize| stages.get(stage).map_or(usize::MAX, |stage| stage[0].node);
                let ends = stages.iter().enumerate().filter_map(|(index, stage)| {
                    let layers = stage.iter().copied().filter(|one| usable(one));
                    let starts = [start(index), start(index + 1), start(index + 2)];
                    self.end_of_stage(&layers.collect::<Vec<_>>(), starts)
                });
                let chosen: Vec<&Candidate> = ends.collect();
                chosen[chosen.len().saturating_sub(DEFAULTS.len())..].to_vec()
            }
        };
        let n_before = chosen.len().saturating_sub(1);
        let roles = DEFAULTS[..n_before].iter().chain(DEFAULTS.last());
        roles.copied().zip(chosen).collect()
    }

    /// The last of `layers` of a stage, which all have one resolution. `starts` are the nodes that make the
    /// first layers of the stage and of the two after it.
    fn end_of_stage<'a>(
        &self,
        layers: &[&'a Candidate],
        [start, next, second]: [usize; 3],
    ) -> Option<&'a Candidate> {
        // A module that reaches over more than the next stage holds all stages.
        let leads_on = |candidate: &Candidate| {
            let around = self
                .modules
                .iter()
                .filter(|module| names::is_within(&candidate.module, &module.path));
            let mut around = around.map(|module| (module.first, module.last));
            around.any(|(first, last)| first > start && (next..second).contains(&last))
        };
        let ends = |candidate: &&Candidate| {
            !leads_on(candidate) && !candidate.is_moved && candidate.is_output()
        };
        let n_before_last = layers.len().checked_sub(1)?;
        let end = layers.iter().rposition(&ends).unwrap_or(n_before_last);
        if !layers[end].is_only_normed {
            return Some(layers[end]);
        }
        let normed = layers[end + 1..].iter().find(|one| !one.is_moved);
        let mut before = layers[..end].iter();
        let before = before.rfind(|one| ends(one) && !one.is_only_normed);
        normed.or(before).copied().or(Some(layers[end]))
    }

    /// Says why there is no layer of this name, and which are near.
    fn missing(&self, name: &str) -> Problem {
        let called = self.modules.iter().find(|module| module.path == name);
        let found = match called {
            Some(_) => {
                "a module that not all of the network passes through, or whose output is no map"
            }
            None => "no module of this name",
        };
        let near = |candidate: Option<&Candidate>| candidate.map(|one| quote(&one.module));
        let before =
            called.and_then(|module| self.candidates.iter().rfind(|one| one.node < module.last));
        let after =
            called.and_then(|module| self.candidates.iter().find(|one| one.node > module.last));
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

/// The last layer of each quarter of the blocks that is `usable` and not only normed.
fn quarters<'a>(
    layers: &[&'a Candidate],
    usable: impl Fn(&Candidate) -> bool,
) -> Vec<&'a Candidate> {
    let whole = layers.iter().copied().filter(|layer| !layer.is_moved);
    let whole: Vec<&Candidate> = whole.collect();
    let outputs = whole.iter().copied().filter(|layer| layer.is_output());
    let outputs: Vec<&Candidate> = outputs.collect();
    let choices = [names::blocks(&outputs), names::blocks(&whole), outputs];
    let n_quarters = DEFAULTS.len();
    let enough = choices
        .into_iter()
        .find(|blocks| blocks.len() >= n_quarters);
    let blocks = enough.unwrap_or(whole);
    let end = |quarter: usize| (blocks.len() * quarter).div_ceil(n_quarters);
    let last = (0..n_quarters).filter_map(|quarter| {
        let blocks = blocks[end(quarter)..end(quarter + 1)].iter();
        blocks
            .copied()
            .rfind(|layer| usable(layer) && !layer.is_only_normed)
    });
    last.collect()
}
