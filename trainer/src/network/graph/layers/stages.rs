//! Chooses the layers `mid1`, `mid2`, `mid3` and `final` of a network read from a file where the user names none:
//! the ends of its last stages.
//!
//! Here a stage is a sequence of layers of the same resolution. A padding does not begin a stage, nor does a change
//! of resolution that a block undoes before it ends, as by pooling and upsampling.

use std::collections::BTreeMap;

use crate::network::graph::layers::candidate::Candidate;
use crate::network::graph::layers::find::Layers;
use crate::network::graph::layers::names::{Call, MADE_OF, is_within};

/// The names that are given. A network with fewer stages gets the first of these and the last.
const DEFAULTS: [&str; 4] = ["mid1", "mid2", "mid3", "final"];

/// Layers that follow each other and have the same resolution.
struct Stage<'a> {
    /// log2 of the images' rows divided by the layers' rows, rounded.
    halvings: i64,
    layers: Vec<&'a Candidate>,
}

impl Stage<'_> {
    /// The index of the node that makes its first layer.
    fn start(&self) -> usize {
        self.layers[0].node
    }
}

impl Layers {
    /// Returns the layers for `mid1` to `final` with these names, chosen among those that are `usable`: the ends of
    /// the last four stages or, if all layers have the same resolution, of the four quarters of the blocks. There
    /// may be fewer than four.
    ///
    /// A stage ends before the module that brings its output to the next resolution. A layer that only norms read
    /// is not taken, but the norm's output if it has the same resolution, else the layer before.
    pub fn defaults(&self, usable: impl Fn(&Candidate) -> bool) -> Vec<(&'static str, &Candidate)> {
        let stages = self.stages();
        let chosen = match &stages[..] {
            [] => Vec::new(),
            [blocks] => quarters(&blocks.layers, usable),
            _ => {
                let start = |stage: usize| stages.get(stage).map_or(usize::MAX, Stage::start);
                let ends = stages.iter().enumerate().filter_map(|(index, stage)| {
                    let layers = stage.layers.iter().copied().filter(|one| usable(one));
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

    /// Returns the stages, without layers that are only moved or padded and without those whose change of
    /// resolution a block undoes.
    fn stages(&self) -> Vec<Stage<'_>> {
        let whole = self.candidates.iter();
        let whole = whole.filter(|layer| !layer.is_moved && !layer.is_padded);
        let whole: Vec<&Candidate> = whole.collect();
        let halvings: Vec<i64> = whole.iter().map(|layer| self.halvings(layer)).collect();
        let mut stages: Vec<Stage> = Vec::new();
        for (&layer, &own) in whole.iter().zip(&halvings) {
            // Whether the layers before the call of a module and at its end both have more, or both fewer, rows.
            let is_undone = |call: &Call| {
                let before = whole.partition_point(|layer| layer.node < call.first);
                let until = whole.partition_point(|layer| layer.node <= call.last);
                // A call with no layer before it is not a block but the whole network.
                let Some(before) = before.checked_sub(1) else {
                    return false;
                };
                let ends = [halvings[before], halvings[until - 1]];
                call.is_module
                    && (ends.iter().all(|end| own < *end) || ends.iter().all(|end| own > *end))
            };
            if self.calls.around(layer.node).any(is_undone) {
                continue;
            }
            match stages.last_mut() {
                Some(stage) if stage.halvings == own => stage.layers.push(layer),
                _ => stages.push(Stage {
                    halvings: own,
                    layers: vec![layer],
                }),
            }
        }
        stages
    }

    /// How often the number of the images' rows is halved up to a layer, rounded.
    fn halvings(&self, layer: &Candidate) -> i64 {
        let rows = layer.grid[0].max(1) as f64;
        (self.height as f64 / rows).log2().round() as i64
    }

    /// Returns the layer that ends a stage, of its usable `layers`; `None` if there are none. The three numbers are
    /// the nodes that make the first layers of the stage and of the two stages after it.
    fn end_of_stage<'a>(
        &self,
        layers: &[&'a Candidate],
        [start, next, second]: [usize; 3],
    ) -> Option<&'a Candidate> {
        // Whether a layer is computed within a module that begins in this stage and ends in the next: it then
        // belongs to the change of resolution. A module that ends later holds several whole stages.
        let leads_on = |candidate: &Candidate| {
            let around = self.calls.around(candidate.node);
            let mut around = around.filter(|call| is_within(&candidate.module, &call.path));
            around.any(|call| call.first > start && (next..second).contains(&call.last))
        };
        let ends = |candidate: &&Candidate| !leads_on(candidate) && candidate.is_output();
        let n_before_last = layers.len().checked_sub(1)?;
        let end = layers.iter().rposition(&ends).unwrap_or(n_before_last);
        if !layers[end].is_only_normed {
            return Some(layers[end]);
        }
        let normed = layers.get(end + 1);
        let mut before = layers[..end].iter();
        let before = before.rfind(|one| ends(one) && !one.is_only_normed);
        normed.or(before).copied().or(Some(layers[end]))
    }
}

/// Returns, of each quarter of the blocks, the last layer that is `usable` and is not only read by norms. The blocks
/// are numbered modules if there are four or more of them, else the outputs of modules, else all layers.
fn quarters<'a>(
    layers: &[&'a Candidate],
    usable: impl Fn(&Candidate) -> bool,
) -> Vec<&'a Candidate> {
    let outputs = layers.iter().copied().filter(|layer| layer.is_output());
    let outputs: Vec<&Candidate> = outputs.collect();
    let choices = [blocks(&outputs), blocks(layers), outputs];
    let n_quarters = DEFAULTS.len();
    let enough = choices
        .into_iter()
        .find(|blocks| blocks.len() >= n_quarters);
    let blocks = enough.unwrap_or_else(|| layers.to_vec());
    let end = |quarter: usize| (blocks.len() * quarter).div_ceil(n_quarters);
    let last = (0..n_quarters).filter_map(|quarter| {
        let blocks = blocks[end(quarter)..end(quarter + 1)].iter();
        blocks
            .copied()
            .rfind(|layer| usable(layer) && !layer.is_only_normed)
    });
    last.collect()
}

/// Returns the layers that are outputs of numbered modules with the same path before the number, as "blocks.0",
/// "blocks.1": the longest such sequence.
fn blocks<'a>(layers: &[&'a Candidate]) -> Vec<&'a Candidate> {
    let mut rows: BTreeMap<(usize, &str), Vec<&Candidate>> = BTreeMap::new();
    for &layer in layers {
        for path in [&layer.module].into_iter().chain(&layer.inner) {
            let path = path.trim_end_matches(MADE_OF);
            let stem = path.trim_end_matches(|c: char| c.is_ascii_digit());
            if stem.len() < path.len() {
                rows.entry((stem.len(), stem)).or_default().push(layer);
            }
        }
    }
    let mut longest = Vec::new();
    for row in rows.into_values() {
        if row.len() > longest.len() {
            longest = row;
        }
    }
    longest
}
