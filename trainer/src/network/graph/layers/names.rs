//! Finds, in the graph of a network read from a file, the modules whose output a value is, and the nodes that each
//! call of a module consists of. A module's path is its name in PyTorch, as "layer1.0.conv1"; the model itself has
//! the empty path.

use std::collections::{HashMap, HashSet};
use std::iter;

use crate::network::graph::program::{Graph, Meta};

/// Put at the end of a module's path to name a value that the model itself computes from the module's output.
pub(crate) const MADE_OF: char = '+';

/// Finds the modules whose output a value is.
pub(crate) struct Names<'a> {
    graph: &'a Graph,
    /// The node that makes each value.
    makers: Vec<Option<usize>>,
    /// The nodes that use each value.
    users: Vec<Vec<usize>>,
    /// The paths of the modules that call other modules.
    outer: HashSet<&'a str>,
    /// How often each path has been given as a name.
    given: HashMap<String, usize>,
}

impl<'a> Names<'a> {
    /// Gathers who makes and who uses each value of `graph`.
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

    /// Returns the paths of the modules whose output is `value`, which the node number `node` makes, from the
    /// outermost to the innermost: the modules around the node in which no other node uses the value. For a value
    /// that the model itself computes, as a sum of two modules' outputs, it is the path of the last module before
    /// it with [`MADE_OF`]. `None` if there is no name. A path that was given before gets "@1", then "@2", as in
    /// PyTorch.
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

    /// The paths of the modules around a node, outermost first, in which nothing uses `value`, which it makes.
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

    /// Goes back from a node of the model itself, always to the latest node that it reads from, until that belongs
    /// to a module. Returns this node and its output; `None` if there is none.
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

/// The paths of the modules around a module and its own, outermost first: "a", "a.b", "a.b.c".
fn paths(module: &str) -> impl Iterator<Item = &str> {
    let dots = module.match_indices('.').map(|(dot, _)| dot);
    let ends = dots.chain([module.len()]).filter(|&end| end > 0);
    ends.map(|end| &module[..end])
}

/// Whether the path `module` lies within the path `outer`, and is not the same.
pub(crate) fn is_within(module: &str, outer: &str) -> bool {
    let rest = module.strip_prefix(outer);
    rest.is_some_and(|rest| rest.starts_with('.'))
}

/// A call of a module.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    /// The module's path.
    pub(crate) path: String,
    /// Whether it has a forward function that is called; a `ModuleList`, which only holds modules, has none.
    pub(crate) is_module: bool,
    /// The index of the first of its nodes.
    pub(crate) first: usize,
    /// The index of the last of its nodes.
    pub(crate) last: usize,
    /// The index of the call that it is a part of; `None` for one by the model itself.
    outer: Option<usize>,
}

/// The calls of a graph's modules in the order in which they begin; a `ModuleList` counts as called too. Calls of
/// the same module with no other node between them count as one.
#[derive(Clone, Debug)]
pub(crate) struct Calls {
    calls: Vec<Call>,
    /// For each node the index of the innermost call that it is a part of.
    of_nodes: Vec<Option<usize>>,
}

impl Calls {
    pub(crate) fn of(graph: &Graph) -> Self {
        let outer: HashSet<&str> = graph.modules.iter().map(String::as_str).collect();
        let mut calls: Vec<Call> = Vec::new();
        let mut of_nodes = Vec::with_capacity(graph.nodes.len());
        // The calls that the previous node is a part of, outermost first.
        let mut open: Vec<usize> = Vec::new();
        for (index, node) in graph.nodes.iter().enumerate() {
            let mut outputs = node.outputs.iter();
            // Nodes that compute sizes stand where a size is first needed and belong to no module.
            if outputs.all(|&output| graph.values[output] == Meta::Int) {
                of_nodes.push(None);
                continue;
            }
            let module = node.module.as_str();
            open.retain(|&call| {
                let path = &calls[call].path;
                path == module || is_within(module, path)
            });
            for path in paths(module).skip(open.len()) {
                let call = Call {
                    path: path.to_owned(),
                    is_module: path == module || outer.contains(path),
                    first: index,
                    last: index,
                    outer: open.last().copied(),
                };
                open.push(calls.len());
                calls.push(call);
            }
            open.iter().for_each(|&call| calls[call].last = index);
            of_nodes.push(open.last().copied());
        }
        Calls { calls, of_nodes }
    }

    /// The first call of the module `path`.
    pub(crate) fn first_of(&self, path: &str) -> Option<&Call> {
        self.calls.iter().find(|call| call.path == path)
    }

    /// The calls that a node is a part of, innermost first.
    pub(crate) fn around(&self, node: usize) -> impl Iterator<Item = &Call> {
        let innermost = self.of_nodes[node].map(|call| &self.calls[call]);
        iter::successors(innermost, |call| Some(&self.calls[call.outer?]))
    }
}
