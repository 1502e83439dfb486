//! The forward pass, and a backward pass that can itself be differentiated. A pass that
//! [records](Pass::recording) keeps for each value the vector-Jacobian product (vjp) of the operation
//! that made it: the linear map from the gradient at the value to the gradients at the operation's inputs.
//! [`Pass::vjp`] applies these from the logits down to a layer and gives the gradient there as an
//! ordinary expression of convolutions, masks and scales. The localization loss, which compares the attribution
//! map made of this gradient with boxes, lets libtorch differentiate that expression once more. This is
//! cheaper than the second derivative of libtorch's own backward pass. The vjps of B-cos layers take their
//! dynamic weights, which depend on the input, as constants but keep them in libtorch's graph (docs/SPEC.md
//! A.3). So `Pass::vjp` gives the gradient of the logits for ordinary networks, and for B-cos networks the
//! matrix W(x) of f(x) = W(x)·x.
//!
//! Operations with a written vjp are in `operations.rs`; any other differentiable expression of
//! libtorch goes through [`Pass::opaque`].

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use tch::{TchError, Tensor};

use crate::names::Precision;
use crate::network::mode::Mode;
use crate::network::pass::bcosification::Bcosification;

/// A tensor of the forward pass with its node on the tape, which is the record of the pass.
#[derive(Debug)]
pub struct Value {
    tensor: Rc<Tensor>,
    /// The number of its node on the tape; 0 if the pass does not record.
    pub(super) node: usize,
    /// Whether its operation allocated its memory and does not need it in its vjp, so that a later operation may
    /// write there if no one else shares the tensor.
    is_allocated: bool,
}

impl Value {
    /// The value's tensor.
    pub fn tensor(&self) -> &Tensor {
        &self.tensor
    }

    /// Returns the same value, sharing its tensor.
    pub fn share(&self) -> Value {
        Value {
            tensor: Rc::clone(&self.tensor),
            node: self.node,
            is_allocated: self.is_allocated,
        }
    }

    /// The tensor, for a vjp that needs it: nothing changes it in place as long as the vjp holds it.
    pub(crate) fn hold(&self) -> Rc<Tensor> {
        Rc::clone(&self.tensor)
    }

    /// Marks the value as one whose operation allocated its memory and does not need it for its vjp,
    /// so that the next operation may write there.
    pub(crate) fn allocated(self) -> Value {
        Value {
            is_allocated: true,
            ..self
        }
    }

    /// A tensor that may be overwritten: the value's own where nobody else holds it, else a copy (a product by 1,
    /// so that gradients pass).
    pub(super) fn into_own(self) -> Result<Tensor, TchError> {
        match (self.is_allocated, Rc::try_unwrap(self.tensor)) {
            (true, Ok(tensor)) => Ok(tensor),
            (false, Ok(tensor)) => tensor.f_mul_scalar(1.0),
            (_, Err(held)) => held.f_mul_scalar(1.0),
        }
    }
}

/// The vjp of an operation with one input: from the gradient at its output to that at its input.
pub(crate) type Vjp = Box<dyn Fn(&Tensor) -> Result<Tensor, TchError>>;

/// How a value was made, for the backward pass.
pub(super) struct Node {
    /// The numbers of the nodes of the values it was made from.
    pub(super) inputs: Vec<usize>,
    /// From the gradient at the value to those at `inputs`, in this order.
    pub(super) vjp: NodeVjp,
}

/// The vjp of an operation with any number of inputs.
type NodeVjp = Box<dyn Fn(&Tensor) -> Result<Vec<Tensor>, TchError>>;

impl Node {
    /// The node of a value that no operation made.
    pub(super) fn source() -> Self {
        Node {
            inputs: Vec::new(),
            vjp: Box::new(|_| Ok(Vec::new())),
        }
    }
}

/// One forward pass through a part of a network.
pub struct Pass {
    pub(super) mode: Mode,
    pub(super) precision: Precision,
    /// How far the network is B-cosified; `None` for all other networks.
    pub(super) bcosification: Option<Bcosification>,
    made: Cell<Made>,
    /// A node for each value, in the order in which they were made; `None` when not recording.
    pub(super) tape: Option<RefCell<Vec<Node>>>,
}

/// Sizes of the values a pass made, in bytes.
#[derive(Clone, Copy, Debug, Default)]
pub struct Made {
    /// The sum over all values: what a recording pass keeps.
    pub total: u64,
    /// The size of the largest value.
    pub largest: u64,
}

impl Pass {
    /// A pass that computes values and keeps nothing for a backward pass.
    pub fn forward(mode: Mode, precision: Precision) -> Self {
        Pass {
            mode,
            precision,
            bcosification: None,
            made: Cell::default(),
            tape: None,
        }
    }

    /// A pass that keeps what [`Pass::vjp`] needs.
    pub fn recording(mode: Mode, precision: Precision) -> Self {
        Pass {
            mode,
            precision,
            bcosification: None,
            made: Cell::default(),
            tape: Some(RefCell::new(Vec::new())),
        }
    }

    /// The same pass, through a network that is B-cosified so far.
    pub fn of_bcosified(self, bcosification: Option<Bcosification>) -> Self {
        Pass {
            bcosification,
            ..self
        }
    }

    /// How far the network is B-cosified, if it is one that is.
    pub fn bcosification(&self) -> Option<Bcosification> {
        self.bcosification
    }

    /// Whether batch norms use the batch's statistics.
    pub fn mode(&self) -> Mode {
        self.mode
    }

    /// The precision of convolutions and matrix products.
    pub fn precision(&self) -> Precision {
        self.precision
    }

    /// The sizes of the values that its operations have made so far.
    pub fn made(&self) -> Made {
        self.made.get()
    }

    /// Returns `tensor` as a value that no operation of this pass made: where the pass begins.
    pub fn input(&self, tensor: &Tensor) -> Value {
        Value {
            tensor: Rc::new(tensor.shallow_clone()),
            node: self.record(Node::source()),
            is_allocated: false,
        }
    }

    /// Puts a node on the tape and returns its number; 0 if there is no tape.
    fn record(&self, node: Node) -> usize {
        let Some(tape) = &self.tape else { return 0 };
        let mut tape = tape.borrow_mut();
        tape.push(node);
        tape.len() - 1
    }

    /// Returns an operation's output as a value. `node`, which makes its node, is called only if the pass
    /// records.
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

    /// Returns the output `tensor` of an operation with one input as a value. `vjp`, which makes its vjp, is
    /// called only if the pass records.
    pub(crate) fn map(
        &self,
        tensor: Tensor,
        input: &Value,
        vjp: impl FnOnce() -> Result<Vjp, TchError>,
    ) -> Result<Value, TchError> {
        self.map_node(tensor, input.node, vjp)
    }

    /// Does the same as [`Pass::map`] where the input itself was given away and only its node's number is left.
    pub(super) fn map_node(
        &self,
        tensor: Tensor,
        input: usize,
        vjp: impl FnOnce() -> Result<Vjp, TchError>,
    ) -> Result<Value, TchError> {
        self.value(tensor, || {
            let vjp = vjp()?;
            Ok(Node {
                inputs: vec![input],
                vjp: Box::new(move |g| Ok(vec![vjp(g)?])),
            })
        })
    }

    /// Returns the gradient of Σ `cotangent` · `output` with respect to `input`, which must have been made before
    /// `output`; zeros if `output` does not depend on `input`. If gradients are on, the result is in libtorch's
    /// graph and can be differentiated with respect to the weights, the input and the cotangent.
    ///
    /// # Errors
    /// libtorch's.
    ///
    /// # Panics
    /// When this pass does not record.
    pub fn vjp(
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
            let Node { inputs, vjp } = &tape[node];
            for (&input, part) in inputs.iter().zip(vjp(&gradient)?) {
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
