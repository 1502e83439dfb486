//! The forward pass, and the way back from its end. A pass that [records](Pass::recording) keeps for
//! each value the linear maps that take a gradient one operation back. [`Pass::pull`] then walks from
//! the logits to a layer and gives the gradient there as an ordinary expression of convolutions, masks
//! and scales. libtorch can differentiate that expression once more, for the localization loss, which is
//! cheaper than the general derivative of its own backward pass. Dynamic weights of B-cos layers are
//! held fixed on the way back but stay in the graph (SPEC A.3), so the same walk gives IxG's gradient
//! for ordinary networks and W(x) for B-cos networks.
//!
//! The operations with a pullback of their own are in `operations.rs`; any other differentiable
//! expression of libtorch goes through [`Pass::opaque`].

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use tch::{TchError, Tensor};

use crate::names::Precision;
use crate::network::mode::Mode;

/// A tensor of the forward pass.
#[derive(Debug)]
pub struct Value {
    tensor: Rc<Tensor>,
    pub(super) node: usize,
    /// Whether the operation that made it allocated its memory, for this value alone.
    is_allocated: bool,
}

impl Value {
    /// The numbers.
    pub fn tensor(&self) -> &Tensor {
        &self.tensor
    }

    /// Another name for the same value.
    pub fn share(&self) -> Value {
        Value {
            tensor: Rc::clone(&self.tensor),
            node: self.node,
            is_allocated: self.is_allocated,
        }
    }

    /// The numbers, for a pullback that needs them: as long as they are held, nothing changes them.
    pub(crate) fn hold(&self) -> Rc<Tensor> {
        Rc::clone(&self.tensor)
    }

    /// Marks the value as one whose operation allocated its memory and does not need it on the way
    /// back, so that the next operation may write there.
    pub(crate) fn allocated(self) -> Value {
        Value {
            is_allocated: true,
            ..self
        }
    }

    /// The numbers to write over: the value's own memory where nobody else holds it, a copy elsewhere.
    pub(super) fn into_own(self) -> Result<Tensor, TchError> {
        match (self.is_allocated, Rc::try_unwrap(self.tensor)) {
            (true, Ok(tensor)) => Ok(tensor),
            (false, Ok(tensor)) => tensor.f_mul_scalar(1.0),
            (_, Err(held)) => held.f_mul_scalar(1.0),
        }
    }
}

/// Takes the gradient of an operation's output to that of its one input.
pub(crate) type Pullback = Box<dyn Fn(&Tensor) -> Result<Tensor, TchError>>;

/// How the way back leaves a value.
pub(super) struct Node {
    /// The values it was made from.
    pub(super) inputs: Vec<usize>,
    /// Takes the gradient at the value to those at its inputs.
    pub(super) pullback: NodePullback,
}

type NodePullback = Box<dyn Fn(&Tensor) -> Result<Vec<Tensor>, TchError>>;

impl Node {
    /// Of a value that no operation made.
    pub(super) fn source() -> Self {
        Node {
            inputs: Vec::new(),
            pullback: Box::new(|_| Ok(Vec::new())),
        }
    }
}

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
            tensor: Rc::new(tensor.shallow_clone()),
            node: self.record(Node::source()),
            is_allocated: false,
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
    pub(super) fn value(
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
        Ok(Value {
            tensor: Rc::new(tensor),
            node,
            is_allocated: false,
        })
    }

    /// An operation with one input.
    pub(crate) fn map(
        &self,
        tensor: Tensor,
        input: &Value,
        pullback: impl FnOnce() -> Result<Pullback, TchError>,
    ) -> Result<Value, TchError> {
        self.map_node(tensor, input.node, pullback)
    }

    /// The same where the input is known by its node alone.
    pub(super) fn map_node(
        &self,
        tensor: Tensor,
        input: usize,
        pullback: impl FnOnce() -> Result<Pullback, TchError>,
    ) -> Result<Value, TchError> {
        self.value(tensor, || {
            let pullback = pullback()?;
            Ok(Node {
                inputs: vec![input],
                pullback: Box::new(move |g| Ok(vec![pullback(g)?])),
            })
        })
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
            let Node { inputs, pullback } = &tape[node];
            for (&input, part) in inputs.iter().zip(pullback(&gradient)?) {
                gradients[input] = Some(match gradients[input].take() {
                    Some(sum) => sum.f_add(&part)?,
                    None => part,
                });
            }
        }
        match gradients[input.node].take() {
            Some(gradient) => Ok(gradient),
            None => input.tensor().f_zeros_like(),
        }
    }
}
