//! The layers at which a network can be explained: values that all of the network passes through between
//! the images and the logits, and that are maps, with a vector for each place of a grid.
//!
//! A layer is named by the outermost module whose output it is, the path by which PyTorch users know it
//! ("layer3", "features.4", "blocks.11").

use crate::network::graph::layers::axes;
use crate::network::graph::layers::dominators::OnPath;
use crate::network::graph::layers::form::{self, form};
use crate::network::graph::program::Graph;
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
    /// Swin, the sum over the places that are merged).
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
        let mut candidates: Vec<Candidate> = Vec::new();
        for (index, node) in graph.nodes.iter().enumerate() {
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
            let mut paths = paths.into_iter();
            candidates.push(Candidate {
                value,
                module: paths.next().unwrap_or_default(),
                inner: paths.collect(),
                form,
                grid,
                channels,
                reaches_logits: form::places_reach_logits(graph, value, form),
                is_only_normed: form::is_only_normed(graph, value),
                is_moved: form::origin(graph, node)
                    .is_some_and(|origin| candidates.iter().any(|one| one.value == origin)),
                node: index,
            });
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
        let usable: Vec<&Candidate> = self.candidates.iter().filter(|one| usable(one)).collect();
        let halvings = |candidate: &&Candidate| {
            let rows = candidate.grid[0].max(1) as f64;
            (self.height as f64 / rows).log2().round() as i64
        };
        let stages: Vec<&[&Candidate]> =
            usable.chunk_by(|a, b| halvings(a) == halvings(b)).collect();
        let chosen = match stages[..] {
            [] => Vec::new(),
            [blocks] => quarters(blocks),
            _ => {
                let start =
                    |stage: usize| stages.get(stage).map_or(usize::MAX, |stage| stage[0].node);
                let ends = stages.iter().enumerate().filter_map(|(index, stage)| {
                    self.end_of_stage(stage, [start(index + 1), start(index + 2)])
                });
                let chosen: Vec<&Candidate> = ends.collect();
                chosen[chosen.len().saturating_sub(DEFAULTS.len())..].to_vec()
            }
        };
        let n_before = chosen.len().saturating_sub(1);
        let roles = DEFAULTS[..n_before].iter().chain(DEFAULTS.last());
        roles.copied().zip(chosen).collect()
    }

    /// The last layer of a stage, all of whose layers have one resolution; `next` are the nodes that make the
    /// first layers of the two stages after it.
    fn end_of_stage<'a>(&self, stage: &[&'a Candidate], next: [usize; 2]) -> Option<&'a Candidate> {
        let start = stage.first()?.node;
        // A module that reaches over more than the next stage holds all stages.
        let leads_on = |candidate: &Candidate| {
            let around = self
                .modules
                .iter()
                .filter(|module| names::is_within(&candidate.module, &module.path));
            let mut around = around.map(|module| (module.first, module.last));
            around.any(|(first, last)| first > start && (next[0]..next[1]).contains(&last))
        };
        let ends = |candidate: &&Candidate| {
            !leads_on(candidate) && !candidate.is_moved && candidate.is_output()
        };
        let end = stage
            .iter()
            .rposition(&ends)
            .unwrap_or(stage.len() - 1);
        if !stage[end].is_only_normed {
            return Some(stage[end]);
        }
        let normed = stage[end + 1..].iter().find(|one| !one.is_moved);
        let before = stage[..end]
            .iter()
            .rfind(|one| ends(one) && !one.is_only_normed);
        normed.or(before).copied().or(Some(stage[end]))
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

/// The last usable layer of each quarter of the blocks.
fn quarters<'a>(usable: &[&'a Candidate]) -> Vec<&'a Candidate> {
    let whole = usable.iter().copied();
    let whole: Vec<&Candidate> = whole
        .filter(|one| !one.is_only_normed && !one.is_moved)
        .collect();
    let outputs: Vec<&Candidate> = whole
        .iter()
        .copied()
        .filter(|one| one.is_output())
        .collect();
    let choices = [names::blocks(&outputs), names::blocks(&whole), outputs];
    let enough = choices
        .into_iter()
        .find(|blocks| blocks.len() >= DEFAULTS.len());
    let blocks = enough.unwrap_or(whole);
    let n = blocks.len();
    let ends = (1..=DEFAULTS.len()).map(|quarter| (n * quarter).div_ceil(DEFAULTS.len()));
    let mut ends: Vec<usize> = ends.filter(|&end| end > 0).collect();
    ends.dedup();
    ends.into_iter().map(|end| blocks[end - 1]).collect()
}
