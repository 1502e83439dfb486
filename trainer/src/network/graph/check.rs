//! Checks the graph of a network read from a file, which may have been edited, before it is run: every value is
//! made once and before its use, arguments are tensors or integers as the graph says, and only allowed operators
//! are called.
//!
//! Whether an operator takes the arguments that it is given is not checked here: libtorch does it by its schemas.

use std::collections::HashSet;

use crate::network::graph::operators::{self, ARITHMETIC, SIZE};
use crate::network::graph::problem::{Problem, line, quote};
use crate::network::graph::program::{Argument, Dtype, Graph, Meta, Node, OTHER, Role, Size};

// These limits are chosen far above what any image classifier has, so that an edited file cannot make the
// reader take unbounded memory or time.

/// The most axes of a tensor.
pub(crate) const MAX_AXES: usize = 16;
/// The most elements of a tensor for one image.
const MAX_ELEMENTS: i64 = 1 << 40;
/// The most bytes of a module's path.
const MAX_PATH: usize = 256;
/// The most dots in a module's path.
const MAX_DEPTH: usize = 32;
/// The most numbers or tensors in one argument.
const MAX_LIST: usize = 1 << 12;

/// The most values, nodes and the like of a graph: ten times what a large classifier has.
const MAX_VALUES: usize = 1 << 16;

/// Refuses a graph with more than [`MAX_VALUES`] of `what` ("nodes", "values"); `found` is their number.
pub(crate) fn size(found: usize, what: &str) -> Result<(), Problem> {
    match found > MAX_VALUES {
        true => Err(fail("graph", &format!("{found} {what}"), "at most 2^16")),
        false => Ok(()),
    }
}

impl Graph {
    /// Reads a graph from `to_json`'s text.
    ///
    /// # Errors
    /// A text that is no graph, and a graph that cannot be run.
    pub fn from_json(json: &str) -> Result<Self, Problem> {
        let graph: Graph = serde_json::from_str(json).map_err(|error| Problem::Graph {
            part: "graph".into(),
            found: line(&error),
            expected: "the JSON of a network's graph".into(),
        })?;
        graph.validate()?;
        Ok(graph)
    }

    /// Refuses a graph that cannot be run.
    ///
    /// # Errors
    /// The first thing that is wrong, such as a value that is not made before its use or an operator that is not
    /// allowed.
    pub fn validate(&self) -> Result<(), Problem> {
        size(self.values.len(), "values")?;
        size(self.nodes.len(), "nodes")?;
        for (value, meta) in self.values.iter().enumerate() {
            check_meta(meta)
                .map_err(|found| fail(&format!("value {value}"), &found, "a possible size"))?;
        }
        let mut made = Made {
            graph: self,
            state: vec![State::Absent; self.values.len()],
        };
        made.make("input", self.input, State::Made)?;
        made.tensors()?;
        for (index, node) in self.nodes.iter().enumerate() {
            let part = format!("node {index}, {}", quote(&node.operator));
            operators::check(node)?;
            check_module(&node.module)?;
            made.node(&part, node)?;
        }
        if let Some(value) = made.state.iter().position(|state| *state == State::Absent) {
            return Err(fail(
                &format!("value {value}"),
                "nothing that makes it",
                "every value made",
            ));
        }
        let [channels, height, width] = self.image();
        let input = self.values[self.input].dtype();
        if input != Some(Dtype::Float32) || [channels, height, width].contains(&0) {
            let found = format!("{:?}", self.values[self.input]);
            return Err(fail(
                "input",
                &found,
                "float32 images (N, C, H, W) of one size",
            ));
        }
        match self.values.get(self.output) {
            Some(Meta::Tensor { size, .. }) if matches!(size[..], [None, Some(1..)]) => Ok(()),
            found => Err(fail("output", &format!("{found:?}"), "logits (N, K)")),
        }
    }
}

/// What is known of a value at the node that is being checked.
#[derive(Clone, Copy, PartialEq)]
enum State {
    /// No node so far makes it.
    Absent,
    /// Made, from the images or from what is learned.
    Made,
    /// Made by nodes that depend on neither the images nor what is learned.
    Constant,
}

/// The values that the nodes so far make.
struct Made<'a> {
    graph: &'a Graph,
    /// The state of each value.
    state: Vec<State>,
}

impl Made<'_> {
    /// Notes that `part` of the graph (its name, for messages) makes `value`.
    fn make(&mut self, part: &str, value: usize, state: State) -> Result<(), Problem> {
        match self.state.get_mut(value) {
            Some(known) if *known == State::Absent => *known = state,
            Some(_) => {
                return Err(fail(
                    part,
                    &format!("value {value} made again"),
                    "it made once",
                ));
            }
            None => {
                return Err(fail(
                    part,
                    &format!("value {value}"),
                    "a value of the graph",
                ));
            }
        }
        Ok(())
    }

    /// Notes the parameters, buffers and constants.
    fn tensors(&mut self) -> Result<(), Problem> {
        let graph = self.graph;
        let mut names = HashSet::new();
        for tensor in &graph.tensors {
            let part = format!("tensor {}", quote(&tensor.name));
            for name in [&tensor.name].into_iter().chain(&tensor.aliases) {
                if !names.insert(name) {
                    return Err(fail(
                        &part,
                        &format!("the name {} twice", quote(name)),
                        "it once",
                    ));
                }
            }
            let state = match tensor.role {
                Role::Parameter => State::Made,
                Role::Buffer | Role::Constant => State::Constant,
            };
            self.make(&part, tensor.value, state)?;
            if graph.values[tensor.value].fixed_size().is_none() {
                let found = format!("{:?}", graph.values[tensor.value]);
                return Err(fail(&part, &found, "a tensor of known size"));
            }
        }
        Ok(())
    }

    /// Checks a node and notes what it makes.
    fn node(&mut self, part: &str, node: &Node) -> Result<(), Problem> {
        let mut names = HashSet::new();
        for (name, argument) in &node.arguments {
            if !names.insert(name) {
                return Err(fail(
                    part,
                    &format!("argument {} twice", quote(name)),
                    "it once",
                ));
            }
            check_length(argument).map_err(|found| fail(part, &found, "at most 2^12"))?;
            for value in argument.tensors() {
                self.use_value(part, node, value, false)?;
            }
            for value in argument.sizes() {
                self.use_value(part, node, value, true)?;
            }
        }
        let of_numbers = node.operator == SIZE || ARITHMETIC.contains(&node.operator.as_str());
        if of_numbers {
            self.number(part, node)?;
        }
        if node.outputs.is_empty() || (of_numbers && node.outputs.len() > 1) {
            let found = format!("{} outputs", node.outputs.len());
            return Err(fail(part, &found, "one or, of a tensor, more"));
        }
        let state = match node.constant {
            true => State::Constant,
            false => State::Made,
        };
        for &output in &node.outputs {
            self.make(part, output, state)?;
            if of_numbers != (self.graph.values[output] == Meta::Int) {
                let found = format!("output {:?}", self.graph.values[output]);
                return Err(fail(
                    part,
                    &found,
                    "a number of numbers, a tensor of tensors",
                ));
            }
        }
        Ok(())
    }

    /// Refuses a `value` that `node` uses but that is not made yet, or is a tensor where an integer is expected
    /// (`int`), or the reverse.
    fn use_value(&self, part: &str, node: &Node, value: usize, int: bool) -> Result<(), Problem> {
        let state = self.state.get(value).copied().unwrap_or(State::Absent);
        if state == State::Absent {
            let found = format!("value {value}, which is not made before");
            return Err(fail(part, &found, "values that are made before their use"));
        }
        if node.constant && (state != State::Constant || int) {
            let found = format!("value {value}, which changes");
            return Err(fail(
                part,
                &found,
                "constants only, as the node is marked constant",
            ));
        }
        if int != (self.graph.values[value] == Meta::Int) {
            let found = format!("value {value}, {:?}", self.graph.values[value]);
            return Err(fail(
                part,
                &found,
                "a tensor for tensors, a number for numbers",
            ));
        }
        Ok(())
    }

    /// Refuses arithmetic with, or the reading of, a size that has other arguments than it should.
    fn number(&self, part: &str, node: &Node) -> Result<(), Problem> {
        let fits = match &node.arguments[..] {
            [(a, Argument::Int(_)), (b, Argument::Int(right))] if node.operator != SIZE => {
                let divides = node.operator == "_operator.floordiv";
                a == "a" && b == "b" && !(divides && *right == Size::Known(0))
            }
            [
                (of, Argument::Tensor(value)),
                (dim, Argument::Int(Size::Known(axis))),
            ] => {
                let n_axes = self.graph.values[*value].size().map_or(0, <[_]>::len) as i64;
                of == "self" && dim == "dim" && (-n_axes..n_axes).contains(axis)
            }
            _ => false,
        };
        match fits {
            true => Ok(()),
            false => Err(fail(
                part,
                "other arguments",
                "two numbers, or a tensor and its axis",
            )),
        }
    }
}

/// Refuses an argument that is too long a list; the error says how long.
pub(crate) fn check_length(argument: &Argument) -> Result<(), String> {
    let length = match argument {
        Argument::Ints(list) => list.len(),
        Argument::Tensors(list) => list.len(),
        Argument::Floats(list) => list.len(),
        Argument::Bools(list) => list.len(),
        _ => 1,
    };
    match length > MAX_LIST {
        true => Err(format!("a list of {length}")),
        false => Ok(()),
    }
}

/// Refuses a module's path with more than [`MAX_PATH`] bytes or [`MAX_DEPTH`] dots.
pub(crate) fn check_module(path: &str) -> Result<(), Problem> {
    match path.len() > MAX_PATH || path.matches('.').count() > MAX_DEPTH {
        true => Err(fail(
            "module",
            &quote(path),
            "a path of at most 256 bytes and 32 modules",
        )),
        false => Ok(()),
    }
}

/// Refuses a tensor with too many axes, a negative size or too many elements; the error says which.
pub(crate) fn check_meta(meta: &Meta) -> Result<(), String> {
    let Some(size) = meta.size() else {
        return Ok(());
    };
    if size.len() > MAX_AXES {
        return Err(format!("{} axes", size.len()));
    }
    let mut n_elements: i64 = 1;
    for &axis in size.iter().flatten() {
        if axis < OTHER {
            return Err(format!("size {size:?}"));
        }
        n_elements = n_elements.saturating_mul(axis.max(1));
    }
    match n_elements > MAX_ELEMENTS {
        true => Err(format!("size {size:?}")),
        false => Ok(()),
    }
}

/// The error that `part` of the graph is `found` where `expected` should be.
fn fail(part: &str, found: &str, expected: &str) -> Problem {
    Problem::Graph {
        part: part.into(),
        found: found.into(),
        expected: expected.into(),
    }
}
