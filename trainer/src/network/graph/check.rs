//! Checks a graph, which may come from an edited file, before it is run: every value is made once and before
//! its use, everything is of the kind its place asks for, and only allowed operators are called.
//!
//! Whether an operator takes the arguments that it is given is found by libtorch's own schemas.

use std::collections::HashSet;

use crate::network::graph::operators::{self, ARITHMETIC, SIZE};
use crate::network::graph::problem::{Problem, line, quote};
use crate::network::graph::program::{Argument, Dtype, Graph, Meta, Node, OTHER, Role, Size};

/// Axes of a tensor at most.
pub(crate) const MAX_AXES: usize = 16;
/// Elements of a tensor for one image at most.
const MAX_ELEMENTS: i64 = 1 << 40;
/// Bytes of a module's path, and modules in it, at most.
const MAX_PATH: usize = 256;
const MAX_DEPTH: usize = 32;
/// Numbers or tensors in one argument at most.
const MAX_LIST: usize = 1 << 12;

/// Values of a graph at most, ten times what a large classifier has.
const MAX_VALUES: usize = 1 << 16;

/// Refuses a graph of more nodes, values or whatever `what` names than any model's.
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
    /// A value that is not made before its use, an operator that is not allowed, and all else that would
    /// lead an interpreter astray.
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

/// What is known of a value while the nodes are gone through.
#[derive(Clone, Copy, PartialEq)]
enum State {
    Absent,
    Made,
    /// Made by nodes that depend on neither the images nor what is learned.
    Constant,
}

struct Made<'a> {
    graph: &'a Graph,
    state: Vec<State>,
}

impl Made<'_> {
    /// Notes that `part` makes `value`.
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

    /// Refuses a value that is not made yet or of the wrong kind.
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

    /// Refuses a calculation with the batch size that has other arguments than it should.
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

/// Says what is wrong with the length of an argument.
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

/// Refuses the path of a module that is longer or deeper than any model's.
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

/// Says what is wrong with a size.
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

fn fail(part: &str, found: &str, expected: &str) -> Problem {
    Problem::Graph {
        part: part.into(),
        found: found.into(),
        expected: expected.into(),
    }
}
