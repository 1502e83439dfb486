//! The memory that the values of an exported graph lie in, while `lower` goes through it: what a value is
//! after an overwrite, and what an overwrite of a part does to the whole.

use std::rc::Rc;

use crate::network::graph::problem::{self, Problem, quote};
use crate::network::graph::program::{Argument, Meta, Node};
use crate::weights::exported::calls::Calls;
use crate::weights::exported::views;

/// Views that are followed from a value to its memory.
const MAX_STEPS: usize = 32;
/// Numbers and outputs of a view that is followed.
const MAX_NUMBERS: usize = 64;

/// Where the values of the old graph lie.
pub(crate) struct Memory {
    blocks: Vec<Block>,
    /// The place of each old value that is made.
    places: Vec<Option<Place>>,
}

/// Where a value of the old graph lies, and what it is in the new.
#[derive(Clone)]
struct Place {
    block: usize,
    /// The views that lead from the block to the value.
    steps: Vec<Rc<Step>>,
    /// The value in the new graph, as it was for `version` of the block.
    value: usize,
    version: usize,
}

/// A view on the way to a value.
pub(crate) enum Step {
    View {
        /// The call, with some first tensor.
        node: Node,
        /// What is known of its input and its outputs.
        from: Meta,
        to: Vec<Meta>,
        /// The index of the output.
        output: usize,
    },
    /// What may be a view or a copy.
    Perhaps,
}

impl Step {
    /// The numbers and outputs of its call.
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
    /// All of it, as a value of the new graph.
    value: usize,
    /// The number of times that it was overwritten.
    version: usize,
    /// The operator that overwrote a part of it in a way that cannot be followed, and its module.
    lost: Option<(String, String)>,
}

impl Memory {
    /// The memory of a graph of this many values, none of which is made.
    pub(crate) fn of(n_values: usize) -> Self {
        Memory {
            blocks: Vec::new(),
            places: vec![None; n_values],
        }
    }

    /// Notes that the old value is the new one `value`, in a block of its own.
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

    /// Notes that the old value is the same as the old value `first`.
    pub(crate) fn put_beside(&mut self, old: usize, first: usize) {
        self.places[old] = self.places[first].clone();
    }

    /// Notes that the old value is the new one `value`, to which `step` leads from the old value `first`.
    /// Where there are too many steps, or one is large, they are not followed: a file must not make them
    /// anew without end.
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

    /// The new value of an old one as it was read last.
    pub(crate) fn last_read(&self, old: usize) -> Option<usize> {
        self.places[old].as_ref().map(|place| place.value)
    }

    /// The new value of an old one, as it is now, for `user`. The views that lead to it are added to `calls`
    /// where what they are views of was overwritten.
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

    /// Notes that `node` overwrites the old value with the new one `value`.
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

/// Computes the views `steps` of `whole`, one after the other, and returns the values, the last of which is
/// where they lead.
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

/// Puts `value`, to which the views `steps` of `whole` lead, back into `whole`, where that is possible.
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
