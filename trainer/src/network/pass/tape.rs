//! The forward pass, and the way back from its end. A pass that [records](Pass::recording) keeps for
//! each value the linear maps that take a gradient one operation back. [`Pass::pull`] then walks from
//! the logits to a layer and gives the gradient there as an ordinary expression of convolutions, masks
//! and scales. libtorch can differentiate that expression once more, for the localization loss, which is
//! cheaper than the general derivative of its own backward pass. Dynamic weights of B-cos layers are
//! held fixed on the way back but stay in the graph (SPEC A.3), so the same walk gives IxG's gradient
//! for ordinary networks and W(x) for B-cos networks.
//!
//! The operations are in [`super::operations`].

use std::cell::{Cell, RefCell};

use tch::{TchError, Tensor};

use crate::names::Precision;
use crate::network::mode::Mode;

/// A tensor of the forward pass.
#[derive(Debug)]
pub struct Value {
    pub(super) tensor: Tensor,
    pub(super) node: usize,
}

impl Value {
    /// The numbers.
    pub fn tensor(&self) -> &Tensor {
        &self.tensor
    }

    /// Another name for the same value.
    pub fn share(&self) -> Value {
        Value {
            tensor: self.tensor.shallow_clone(),
            node: self.node,
        }
    }
}

/// Takes the gradient of an operation's output to that of one of its inputs.
pub(crate) type Pullback = Box<dyn Fn(&Tensor) -> Result<Tensor, TchError>>;

/// What an operation's output was made from.
pub(crate) type Node = Vec<(usize, Pullback)>;

/// One forward pass through a part of a network.
pub struct Pass {
    pub(super) mode: Mode,
    pub(super) precision: Precision,
    made: Cell<Made>,
    /// A node for each value, in the order in which they were made; `None` when not recording.
    pub(super) tape: Option<RefCell<Vec<Node>>>,
}

/// Sizes of the values a pass made, in bytes.
#[derive(Clone, Copy, Debug, Default)]
pub struct Made {
    /// All of them together: what a recording pass keeps.
    pub total: u64,
    /// The largest.
    pub largest: u64,
}

impl Pass {
    /// A pass for its values alone.
    pub fn forward(mode: Mode, precision: Precision) -> Self {
        Pass {
            mode,
            precision,
            made: Cell::default(),
            tape: None,
        }
    }

    /// A pass that can be walked back.
    pub fn recording(mode: Mode, precision: Precision) -> Self {
        Pass {
            mode,
            precision,
            made: Cell::default(),
            tape: Some(RefCell::new(Vec::new())),
        }
    }

    /// Whether statistics are the batch's.
    pub fn mode(&self) -> Mode {
        self.mode
    }

    /// In which numbers products are computed.
    pub fn precision(&self) -> Precision {
        self.precision
    }

    /// How much it has made.
    pub fn made(&self) -> Made {
        self.made.get()
    }

    /// A value that no operation of this pass made.
    pub fn input(&self, tensor: &Tensor) -> Value {
        Value {
            tensor: tensor.shallow_clone(),
            node: self.record(Vec::new()),
        }
    }

    /// Puts a node on the tape, if there is one, and gives its number.
    fn record(&self, node: Node) -> usize {
        let Some(tape) = &self.tape else { return 0 };
        let mut tape = tape.borrow_mut();
        tape.push(node);
        tape.len() - 1
    }

    /// An operation's output; `node` is asked for only when recording.
    pub(crate) fn value(
        &self,
        tensor: Tensor,
        node: impl FnOnce() -> Result<Node, TchError>,
    ) -> Result<Value, TchError> {
        let bytes = (tensor.numel() * tensor.kind().elt_size_in_bytes()) as u64;
        let made = self.made.get();
        self.made.set(Made {
            total: made.total + bytes,
            largest: made.largest.max(bytes),
        });
        let node = match self.tape {
            Some(_) => self.record(node()?),
            None => 0,
        };
        Ok(Value { tensor, node })
    }

    /// An operation with one input.
    pub(crate) fn map(
        &self,
        tensor: Tensor,
        input: &Value,
        pullback: impl FnOnce() -> Result<Pullback, TchError>,
    ) -> Result<Value, TchError> {
        self.value(tensor, || Ok(vec![(input.node, pullback()?)]))
    }

    /// The gradient at `input` of Σ `cotangent` · `output`, in the graph of both when gradients are
    /// on. Zero where `output` does not depend on `input`.
    ///
    /// # Errors
    /// libtorch's.
    ///
    /// # Panics
    /// When this pass does not record.
    pub fn pull(
        &self,
        output: &Value,
        cotangent: &Tensor,
        input: &Value,
    ) -> Result<Tensor, TchError> {
        let tape = self.tape.as_ref().expect("a recording pass").borrow();
        let mut gradients: Vec<Option<Tensor>> = tape.iter().map(|_| None).collect();
        gradients[output.node] = Some(cotangent.shallow_clone());
        for node in (input.node + 1..=output.node).rev() {
            let Some(gradient) = gradients[node].take() else {
                continue;
            };
            for (from, pullback) in &tape[node] {
                let part = pullback(&gradient)?;
                gradients[*from] = Some(match gradients[*from].take() {
                    Some(sum) => sum.f_add(&part)?,
                    None => part,
                });
            }
        }
        match gradients[input.node].take() {
            Some(gradient) => Ok(gradient),
            None => input.tensor.f_zeros_like(),
        }
    }
}
