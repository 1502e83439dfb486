//! Follows which memory the values of an exported graph lie in while `lower` replaces operators that overwrite a
//! value by pure ones: what a value is after an overwrite, and what the overwrite of a part does to the whole.
//!
//! The old graph is the exported one, the new graph the one that `lower` makes, whose operators only make new
//! values. A block is a piece of memory of the old graph; in the new graph it is a value, another one after each
//! overwrite. A view, such as a slice, leads from a block to a part of it.

use std::rc::Rc;

use crate::network::graph::problem::{self, Problem, quote};
use crate::network::graph::program::{Argument, Meta, Node};
use crate::weights::exported::calls::Calls;
use crate::weights::exported::views;

/// The most views of views between a block and a value; chosen, real networks have a few.
const MAX_STEPS: usize = 32;
/// The most numbers, tensors and outputs of a call that is a view; chosen likewise.
const MAX_NUMBERS: usize = 64;

/// Where the values of the old graph lie.
pub(crate) struct Memory {
    blocks: Vec<Block>,
    /// The place of each value of the old graph; `None` if it is not made yet.
    places: Vec<Option<Place>>,
}

/// Where a value of the old graph lies, and what it is in the new.
#[derive(Clone)]
struct Place {
    /// The index of the block.
    block: usize,
    /// The views that lead from the block to the value.
    steps: Vec<Rc<Step>>,
    /// The value in the new graph, computed when the block had this `version`.
    value: usize,
    version: usize,
}

/// A step from a block towards a value.
pub(crate) enum Step {
    /// A view.
    View {
        /// The call; its first tensor is replaced when it is repeated.
        node: Node,
        /// Type and size of its input.
        from: Meta,
        /// Types and sizes of its outputs.
        to: Vec<Meta>,
        /// The index of the output that the step leads to.
        output: usize,
    },
    /// An operator, such as `reshape`, that gives a view or a copy, which depends on strides.
    Perhaps,
}

impl Step {
    /// How many numbers, tensors and outputs its call has.
    fn n_numbers(&self) -> usize {
        let Step::View { node, to, .. } = self else {
            return 0;
        };
        let numbers = node.arguments.iter().map(|(_, argument)| match argument {
            Argument::Ints(sizes) => sizes.len(),
            Argument::Tensors(values) => values.len(),
            _ => 1,
        });
        numbers.sum::<usize>() + to.len()
    }
}

/// A piece of memory that values of the old graph lie in.
struct Block {
    /// The value of the new graph that is the whole block now.
    value: usize,
    /// The number of times that it was overwritten.
    version: usize,
    /// The operator that overwrote a part of it in a way that cannot be followed, and its module; `None` if none
    /// did.
    lost: Option<(String, String)>,
}

impl Memory {
    /// The memory of an old graph of this many values, before any is made.
    pub(crate) fn of(n_values: usize) -> Self {
        Memory {
            blocks: Vec::new(),
            places: vec![None; n_values],
        }
    }

    /// Notes that the value `old` of the old graph is `value` in the new graph, in a block of its own.
    pub(crate) fn put_alone(&mut self, old: usize, value: usize) {
        self.blocks.push(Block {
            value,
            version: 0,
            lost: None,
        });
        self.places[old] = Some(Place {
            block: self.blocks.len() - 1,
            steps: Vec::new(),
            value,
            version: 0,
        });
    }

    /// Notes that the value `old` of the old graph is the same memory as its value `first`.
    pub(crate) fn put_beside(&mut self, old: usize, first: usize) {
        self.places[old] = self.places[first].clone();
    }

    /// Notes that the value `old` of the old graph is `value` in the new graph, and that `step` leads to it from the
    /// old graph's value `first`. Too many or too large steps are not kept: they are repeated after overwrites, and
    /// a file must not be able to make that endless.
    pub(crate) fn put_behind(&mut self, old: usize, first: usize, value: usize, step: Step) {
        let Some(mut place) = self.places[first].clone() else {
            return self.put_alone(old, value);
        };
        if place.steps.len() == MAX_STEPS || step.n_numbers() > MAX_NUMBERS {
            place.steps = vec![Rc::new(Step::Perhaps)];
        } else {
            place.steps.push(Rc::new(step));
        }
        self.places[old] = Some(Place { value, ..place });
    }

    /// The value of the new graph that the old graph's value `old` was when it was read last.
    pub(crate) fn last_read(&self, old: usize) -> Option<usize> {
        self.places[old].as_ref().map(|place| place.value)
    }

    /// Returns the value of the new graph that the old graph's value `old` is now. If its block was overwritten since,
    /// the views that lead to it are added to `calls` again. `user` names the operator that reads it, for messages.
    pub(crate) fn read(
        &mut self,
        calls: &mut Calls,
        old: usize,
        user: &str,
    ) -> Result<usize, Problem> {
        let missing = || Problem::Graph {
            part: user.into(),
            found: format!("value {old}, which no operator that is run makes"),
            expected: "values that are made before their use".into(),
        };
        let place = self.places[old].clone().ok_or_else(missing)?;
        let block = &self.blocks[place.block];
        if place.version == block.version {
            return Ok(place.value);
        }
        let perhaps = place
            .steps
            .iter()
            .any(|step| matches!(**step, Step::Perhaps));
        if perhaps || block.lost.is_some() {
            let (operator, module) = block
                .lost
                .clone()
                .unwrap_or_else(|| ("an in-place operator".into(), user.into()));
            return Err(Problem::Overwritten { operator, module });
        }
        let values = follow(calls, block.value, &place.steps);
        let value = values.last().copied().unwrap_or(block.value);
        self.places[old] = Some(Place {
            value,
            version: block.version,
            ..place
        });
        Ok(value)
    }

    /// Notes that `node` overwrites the old graph's value `old` with the new graph's `value`. If `old` is a part of a
    /// block, the calls that put it back into the whole are added to `calls`.
    pub(crate) fn write(&mut self, calls: &mut Calls, (old, value): (usize, usize), node: &Node) {
        let Some(place) = self.places[old].clone() else {
            return;
        };
        let block = &mut self.blocks[place.block];
        let whole = match place.steps.is_empty() {
            true => Some(value),
            false => put_back(calls, block.value, &place.steps, value),
        };
        block.version += 1;
        match whole {
            Some(whole) => {
                block.value = whole;
                self.places[old] = Some(Place {
                    value,
                    version: block.version,
                    ..place
                });
            }
            None => {
                block.lost = Some((quote(&node.operator), problem::place(&node.module)));
                self.put_alone(old, value);
            }
        }
    }
}

/// Adds the views `steps`, one of the other, starting from `whole`; returns `whole` and the value after each step.
fn follow(calls: &mut Calls, whole: usize, steps: &[Rc<Step>]) -> Vec<usize> {
    let mut values = vec![whole];
    let mut value = whole;
    for step in steps {
        if let Step::View {
            node, to, output, ..
        } = &**step
        {
            let mut node = node.clone();
            set_first_tensor(&mut node, value);
            value = calls.add(node, to)[*output];
        }
        values.push(value);
    }
    values
}

/// Adds calls that compute `whole` with the part to which `steps` lead replaced by `value`. Returns the new whole;
/// `None` if that is not possible.
fn put_back(calls: &mut Calls, whole: usize, steps: &[Rc<Step>], value: usize) -> Option<usize> {
    let values = follow(calls, whole, steps);
    let mut part = value;
    for (step, &whole) in steps.iter().zip(&values).rev() {
        let Step::View {
            node,
            from,
            to,
            output,
        } = &**step
        else {
            return None;
        };
        let (operator, arguments) = views::put_back(node, whole, from, to, *output, part)?;
        let call = Node {
            operator: operator.into(),
            arguments,
            outputs: Vec::new(),
            module: node.module.clone(),
            constant: false,
        };
        part = calls.add(call, std::slice::from_ref(from))[0];
    }
    Some(part)
}

/// Replaces the first tensor among a node's arguments.
fn set_first_tensor(node: &mut Node, value: usize) {
    for (_, argument) in &mut node.arguments {
        match argument {
            Argument::Tensor(tensor) => {
                *tensor = value;
                return;
            }
            Argument::Tensors(values) => {
                if let Some(tensor) = values.iter_mut().flatten().next() {
                    *tensor = value;
                    return;
                }
            }
            _ => {}
        }
    }
}
