//! The paths of modules: which modules a value is the output of, and which of them are the blocks of a
//! network.

use std::collections::{BTreeMap, HashMap, HashSet};

use crate::network::graph::program::Graph;
use crate::network::graph::layers::find::Candidate;

/// Follows the name of a module where a value is not its output, but what the model itself makes of it.
pub(crate) const MADE_OF: char = '+';

/// Finds the modules whose output a value is.
pub(crate) struct Names<'a> {
    graph: &'a Graph,
    /// The node that makes each value.
    makers: Vec<Option<usize>>,
    /// The nodes that use each value.
    users: Vec<Vec<usize>>,
    /// The modules that call others.
    outer: HashSet<&'a str>,
    /// How often each path has been given.
    given: HashMap<String, usize>,
}

impl<'a> Names<'a> {
    pub(crate) fn of(graph: &'a Graph) -> Self {
        let mut makers = vec![None; graph.values.len()];
        let mut users = vec![Vec::new(); graph.values.len()];
        for (index, node) in graph.nodes.iter().enumerate() {
            node.tensors().for_each(|value| users[value].push(index));
            node.outputs
                .iter()
                .for_each(|&output| makers[output] = Some(index));
        }
        Names {
            graph,
            makers,
            users,
            outer: graph.modules.iter().map(String::as_str).collect(),
            given: HashMap::new(),
        }
    }

    /// The paths of the modules whose output `value` of a node is, from outside to inside: those whose
    /// other nodes do not use it. A value that no module makes but the model itself, as a sum of two
    /// modules' outputs, has the name of the last module before it with `MADE_OF`. `None` where there is no
    /// name. A path that was given before gets "@1", then "@2", as in PyTorch.
    pub(crate) fn of_output(&mut self, node: usize, value: usize) -> Option<Vec<String>> {
        let paths: Vec<String> = match self.graph.nodes[node].module.is_empty() {
            false => self.left(node, value).map(str::to_owned).collect(),
            true => {
                let (maker, value) = self.named_before(node)?;
                let outermost = self.left(maker, value).next();
                outermost
                    .map(|path| format!("{path}{MADE_OF}"))
                    .into_iter()
                    .collect()
            }
        };
        let unique = paths.into_iter().map(|path| {
            let n_given = self.given.entry(path.clone()).or_insert(0);
            *n_given += 1;
            match *n_given {
                1 => path,
                n => format!("{path}@{}", n - 1),
            }
        });
        Some(unique.collect()).filter(|paths: &Vec<String>| !paths.is_empty())
    }

    /// The modules around a node that `value`, which it makes, leaves.
    fn left(&self, node: usize, value: usize) -> impl Iterator<Item = &'a str> {
        let nodes = &self.graph.nodes;
        let module = nodes[node].module.as_str();
        let is_called = move |path: &&str| *path == module || self.outer.contains(path);
        let leaves = move |path: &&str| {
            let mut modules = self.users[value].iter().map(|&user| &nodes[user].module);
            modules.all(|module| module != path && !is_within(module, path))
        };
        paths(module).filter(is_called).filter(leaves)
    }

    /// The last node of a module that a node of the model itself follows, with its output.
    fn named_before(&self, mut node: usize) -> Option<(usize, usize)> {
        loop {
            let made = self.graph.nodes[node]
                .tensors()
                .filter_map(|value| Some((self.makers[value]?, value)));
            let last = made.max()?;
            if !self.graph.nodes[last.0].module.is_empty() {
                return Some(last);
            }
            node = last.0;
        }
    }
}

/// The paths of the modules around a module and itself, from outside to inside.
fn paths(module: &str) -> impl Iterator<Item = &str> {
    let dots = module.match_indices('.').map(|(dot, _)| dot);
    let ends = dots.chain([module.len()]).filter(|&end| end > 0);
    ends.map(|end| &module[..end])
}

/// Whether `module` lies in the module `outer`.
pub(crate) fn is_within(module: &str, outer: &str) -> bool {
    let rest = module.strip_prefix(outer);
    rest.is_some_and(|rest| rest.starts_with('.'))
}

/// A module with the first and the last of its nodes.
#[derive(Clone, Debug)]
pub(crate) struct Module {
    pub(crate) path: String,
    pub(crate) first: usize,
    pub(crate) last: usize,
}

/// The modules of a graph, and those around them, in the order in which they are called first.
pub(crate) fn modules(graph: &Graph) -> Vec<Module> {
    let mut modules: Vec<Module> = Vec::new();
    let mut places: HashMap<&str, usize> = HashMap::new();
    for (index, node) in graph.nodes.iter().enumerate() {
        for path in paths(&node.module) {
            let place = *places.entry(path).or_insert(modules.len());
            match modules.get_mut(place) {
                Some(module) => module.last = index,
                None => modules.push(Module {
                    path: path.to_owned(),
                    first: index,
                    last: index,
                }),
            }
        }
    }
    modules
}

/// The layers that are outputs of numbered modules side by side, as "blocks.0", "blocks.1": the longest
/// such row.
pub(crate) fn blocks<'a>(layers: &[&'a Candidate]) -> Vec<&'a Candidate> {
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
