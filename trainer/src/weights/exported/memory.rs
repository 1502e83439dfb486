//! The memory that the values of an exported graph lie in, while `lower` goes through it: what a value is
//! after an overwrite, and what an overwrite of a part does to the whole.

use std::rc::Rc;

use crate::network::graph::program::{Argument, Meta, Node};
use crate::weights::exported::lower::Lowering;
use crate::network::graph::problem::{self, Problem, quote};
use crate::weights::exported::views::{self, Sharing};

/// Views that are followed from a value to its memory.
const MAX_STEPS: usize = 32;
/// Numbers and outputs of a view that is followed.
const MAX_NUMBERS: usize = 64;

/// Where a value of the old graph lies, and what it is in the new.
#[derive(Clone)]
pub(crate) struct Place {
    pub(crate) memory: usize,
    /// The views that lead from the memory to the value.
    pub(crate) steps: Vec<Rc<Step>>,
    /// The value in the new graph, as it was for `version` of the memory.
    pub(crate) value: usize,
    pub(crate) version: usize,
}

impl Place {
    /// Adds a step. Where there are too many, or one is large, they are not followed: a file must not make
    /// them anew without end.
    pub(crate) fn lead(&mut self, step: Step) {
        if self.steps.len() == MAX_STEPS || step.n_numbers() > MAX_NUMBERS {
            self.steps = vec![Rc::new(Step::Perhaps)];
        } else {
            self.steps.push(Rc::new(step));
        }
    }
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

/// Memory that values of the old graph lie in.
pub(crate) struct Memory {
    /// All of it, as a value of the new graph.
    pub(crate) value: usize,
    /// The number of times that it was overwritten.
    pub(crate) version: usize,
    /// The operator that overwrote a part of it in a way that cannot be followed, and its module.
    pub(crate) lost: Option<(String, String)>,
}

impl Lowering<'_> {
    /// The place of a value in memory of its own.
    pub(crate) fn alone(&mut self, value: usize) -> Place {
        self.memories.push(Memory {
            value,
            version: 0,
            lost: None,
        });
        Place {
            memory: self.memories.len() - 1,
            steps: Vec::new(),
            value,
            version: 0,
        }
    }

    /// The new value of an old one, as it is now, for `user`.
    pub(crate) fn read(&mut self, old: usize, user: &str) -> Result<usize, Problem> {
        let missing = || Problem::Graph {
            part: user.into(),
            found: format!("value {old}, which no operator that is run makes"),
            expected: "values that are made before their use".into(),
        };
        let place = self.places[old].clone().ok_or_else(missing)?;
        let memory = &self.memories[place.memory];
        if place.version == memory.version {
            return Ok(place.value);
        }
        let (version, whole) = (memory.version, memory.value);
        let perhaps = place
            .steps
            .iter()
            .any(|step| matches!(**step, Step::Perhaps));
        if perhaps || memory.lost.is_some() {
            let (operator, module) = memory
                .lost
                .clone()
                .unwrap_or_else(|| ("an in-place operator".into(), user.into()));
            return Err(Problem::Overwritten { operator, module });
        }
        let value = self.follow(whole, &place.steps).pop().unwrap_or(whole);
        self.places[old] = Some(Place {
            value,
            version,
            ..place
        });
        Ok(value)
    }

    /// Computes the views `steps` of `whole`, one after the other, and returns the values, the last of which
    /// is where they lead.
    fn follow(&mut self, whole: usize, steps: &[Rc<Step>]) -> Vec<usize> {
        let mut values = vec![whole];
        let mut value = whole;
        for step in steps {
            if let Step::View {
                node, to, output, ..
            } = &**step
            {
                let mut node = node.clone();
                set_first_tensor(&mut node, value);
                value = self.calls.add(node, to)[*output];
            }
            values.push(value);
        }
        values
    }

    /// Notes that the old value is overwritten with the new one `value` by `node`.
    pub(crate) fn write(&mut self, old: usize, value: usize, node: &Node) {
        let Some(place) = self.places[old].clone() else {
            return;
        };
        let before = self.memories[place.memory].value;
        let whole = match place.steps.is_empty() {
            true => Some(value),
            false => self.put_back(before, &place.steps, value),
        };
        let memory = &mut self.memories[place.memory];
        memory.version += 1;
        self.places[old] = Some(match whole {
            Some(whole) => {
                memory.value = whole;
                Place {
                    value,
                    version: memory.version,
                    ..place
                }
            }
            None => {
                memory.lost = Some((quote(&node.operator), problem::place(&node.module)));
                self.alone(value)
            }
        });
    }

    /// Puts `value`, to which the views `steps` of `whole` lead, back into `whole`, where that is possible.
    fn put_back(&mut self, whole: usize, steps: &[Rc<Step>], value: usize) -> Option<usize> {
        let values = self.follow(whole, steps);
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
            part = self.calls.add(call, std::slice::from_ref(from))[0];
        }
        Some(part)
    }

    /// The place of a value that is the same as the old value `first`.
    pub(crate) fn beside(&mut self, first: usize, value: usize, sharing: Sharing) -> Place {
        let Some(mut place) = self.places[first].clone() else {
            return self.alone(value);
        };
        if sharing == Sharing::Perhaps {
            place.lead(Step::Perhaps);
        }
        place
    }
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
