//! Holds the values of a graph (a network read from a file) while its nodes are evaluated one after the other,
//! and evaluates those nodes that need no gradient of the image.
//!
//! A value is of one of three kinds: what depends on the images is a [`Value`] of the pass, which can be
//! differentiated; what depends on weights and constants alone, such as a table of position biases, is a plain
//! tensor; sizes that depend on the batch size are integers. `at` is the number of a value in the graph.

use std::collections::HashMap;

use tch::{Kind, TchError, Tensor};

use crate::network::graph::program::{Argument, Dtype, Graph, Node, Size};
use crate::network::pass::{Pass, Value, dispatch};

/// The values of a graph while a part of it runs.
pub(super) struct Evaluation<'a> {
    pub(super) graph: &'a Graph,
    pub(super) pass: &'a Pass,
    /// The floating-point type in which the network runs, 32 or 64 bits: used wherever the file says float32.
    pub(super) kind: Kind,
    /// Values that depend on the image.
    values: HashMap<usize, Value>,
    /// Weights, buffers, constants, and what depends on these alone.
    plain: HashMap<usize, Tensor>,
    /// Integers.
    integers: HashMap<usize, i64>,
    /// Images in the batch.
    n_images: i64,
}

impl<'a> Evaluation<'a> {
    /// Starts with `x`, which is the value `at`, and the network's `tensors` by their values.
    pub(super) fn new(
        graph: &'a Graph,
        pass: &'a Pass,
        (at, x): (usize, Value),
        tensors: &HashMap<usize, Tensor>,
    ) -> Self {
        Evaluation {
            graph,
            pass,
            kind: x.tensor().kind(),
            n_images: x.tensor().size()[0],
            values: HashMap::from([(at, x)]),
            plain: tensors
                .iter()
                .map(|(&at, tensor)| (at, tensor.shallow_clone()))
                .collect(),
            integers: HashMap::new(),
        }
    }

    /// Removes and returns a value that depends on the image; `None` if it is not there.
    pub(super) fn take(&mut self, at: usize) -> Option<Value> {
        self.values.remove(&at)
    }

    /// Forgets values that are not needed any more.
    pub(super) fn forget(&mut self, values: &[usize]) {
        for value in values {
            self.values.remove(value);
        }
    }

    /// Keeps an integer that `node` made.
    pub(super) fn keep_integer(&mut self, node: &Node, integer: i64) {
        self.integers.insert(node.outputs[0], integer);
    }

    /// Keeps `value`, the output number `output` of `node`.
    pub(super) fn keep(&mut self, node: &Node, output: usize, value: Value) {
        self.values.insert(node.outputs[output], value);
    }

    /// Whether an input of `node` depends on the image.
    pub(super) fn depends_on_image(&self, node: &Node) -> bool {
        node.tensors().any(|at| self.values.contains_key(&at))
    }

    /// Runs a node whose inputs do not depend on the image.
    pub(super) fn run_plain(&mut self, node: &Node) -> Result<(), TchError> {
        let arguments = self.arguments(node, &|at| self.plain.get(&at))?;
        let made = dispatch::call(&node.operator, &arguments, node.outputs.len())?;
        for (&output, tensor) in node.outputs.iter().zip(made) {
            self.plain.extend(tensor.map(|tensor| (output, tensor)));
        }
        Ok(())
    }

    /// Returns the integer that `node` computes; `None` if it computes tensors.
    pub(super) fn integer(&self, node: &Node) -> Result<Option<i64>, TchError> {
        if node.operator == "aten.sym_size.int" {
            let at = node.tensor("self").ok_or_else(|| missing("self"))?;
            let axis = node.int("dim").ok_or_else(|| missing("dim"))?;
            let tensor = match self.values.get(&at) {
                Some(value) => Some(value.tensor()),
                None => self.plain.get(&at),
            };
            return match tensor {
                Some(tensor) => {
                    let axis = axis.rem_euclid(tensor.dim().max(1) as i64) as usize;
                    Ok(tensor.size().get(axis).copied())
                }
                // The image itself is not kept behind the first layer; its first size is the batch's.
                None if axis == 0 && at == self.graph.input => Ok(Some(self.n_images)),
                None => Err(missing("self")),
            };
        }
        let Some(operator) = node.operator.strip_prefix("_operator.") else {
            return Ok(None);
        };
        let numbers: Vec<i64> = node
            .arguments
            .iter()
            .map(|(name, argument)| match argument {
                Argument::Int(size) => self.size(*size),
                _ => Err(missing(name)),
            })
            .collect::<Result<_, _>>()?;
        let [a, b] = numbers[..] else {
            return Err(missing("b"));
        };
        let found = match operator {
            "mul" => a.checked_mul(b),
            "add" => a.checked_add(b),
            "sub" => a.checked_sub(b),
            // Rounds towards −∞, as Python's `//` does.
            "floordiv" if b > 0 => Some(a.div_euclid(b)),
            _ => None,
        };
        found
            .map(Some)
            .ok_or_else(|| TchError::Torch(format!("{a} {operator} {b} is no size")))
    }

    /// Returns a size that the graph gives as a number or as an integer value.
    pub(super) fn size(&self, size: Size) -> Result<i64, TchError> {
        match size {
            Size::Known(size) => Ok(size),
            Size::Value(at) => {
                let size = self.integers.get(&at).copied();
                size.ok_or_else(|| TchError::Torch(format!("size {at} is not computed yet")))
            }
        }
    }

    /// Returns a value that depends on the image; `None` if `at` is none or was forgotten.
    pub(super) fn value(&self, at: usize) -> Option<&Value> {
        self.values.get(&at)
    }

    /// Returns a tensor that does not depend on the image; `None` if `at` is none.
    pub(super) fn plain(&self, at: usize) -> Option<&Tensor> {
        self.plain.get(&at)
    }

    /// Returns the number type that is used for `dtype` of the file: the network's own for float32.
    pub(super) fn kind_of(&self, dtype: Dtype) -> Kind {
        match kind(dtype) {
            Kind::Float => self.kind,
            kind => kind,
        }
    }

    /// Returns the arguments of `node` for libtorch. `tensor` gives the tensor of a value.
    pub(super) fn arguments<'b>(
        &self,
        node: &'b Node,
        tensor: &dyn Fn(usize) -> Option<&'b Tensor>,
    ) -> Result<Vec<(&'b str, dispatch::Argument<'b>)>, TchError> {
        let found = |at: usize| tensor(at).ok_or_else(|| missing("a tensor"));
        let arguments = node.arguments.iter().map(|(name, argument)| {
            let argument = match argument {
                Argument::None => dispatch::Argument::None,
                Argument::Tensor(at) => dispatch::Argument::Tensor(found(*at)?),
                Argument::Tensors(list) => {
                    let tensors = list.iter().map(|at| at.map(found).transpose());
                    dispatch::Argument::Tensors(tensors.collect::<Result<_, _>>()?)
                }
                Argument::Int(size) => dispatch::Argument::Int(self.size(*size)?),
                Argument::Ints(sizes) => {
                    let sizes = sizes.iter().map(|size| self.size(*size));
                    dispatch::Argument::Ints(sizes.collect::<Result<_, _>>()?)
                }
                Argument::Float(number) => dispatch::Argument::Float(number.0),
                Argument::Floats(numbers) => {
                    dispatch::Argument::Floats(numbers.iter().map(|number| number.0).collect())
                }
                Argument::Bool(is) => dispatch::Argument::Bool(*is),
                Argument::Bools(list) => dispatch::Argument::Bools(list.clone()),
                Argument::Text(text) => dispatch::Argument::Text(text),
                Argument::Dtype(dtype) => dispatch::Argument::Kind(self.kind_of(*dtype)),
            };
            Ok((name.as_str(), argument))
        });
        arguments.collect()
    }
}

/// Returns tch's name of a number type in a file.
pub(super) fn kind(dtype: Dtype) -> Kind {
    match dtype {
        Dtype::Uint8 => Kind::Uint8,
        Dtype::Int8 => Kind::Int8,
        Dtype::Int16 => Kind::Int16,
        Dtype::Int32 => Kind::Int,
        Dtype::Int64 => Kind::Int64,
        Dtype::Float16 => Kind::Half,
        Dtype::Float32 => Kind::Float,
        Dtype::Float64 => Kind::Double,
        Dtype::Bfloat16 => Kind::BFloat16,
        Dtype::Bool => Kind::Bool,
    }
}

/// An error about an argument that is not what its operator needs.
pub(super) fn missing(name: &str) -> TchError {
    TchError::Torch(format!("no {name}"))
}

/// Returns `error` with the operator and the module in which it came up.
pub(super) fn in_node(node: &Node, error: &TchError) -> TchError {
    let (operator, module) = (&node.operator, &node.module);
    TchError::Torch(format!("{operator} in module '{module}': {error}"))
}
