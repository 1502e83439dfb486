//! A network that was read from a file, as a graph: values, the tensors that the network owns, and nodes, which
//! are calls of operators that make values of others, in the order in which they run. A value is named by its
//! number, its index in [`Graph::values`].
//!
//! This file knows nothing of files or of libtorch. The graph is kept as one line of JSON in the metadata of
//! every checkpoint. To keep it short, the fields of nodes and tensors have names of one letter in JSON. `check.rs`
//! reads it back and makes sure that it can be run.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A network that turns images into logits.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Graph {
    /// The value that is the images, (N, C, H, W).
    pub input: usize,
    /// The value that is the logits, (N, K).
    pub output: usize,
    /// What is known of each value. Each is made exactly once, before its first use.
    pub values: Vec<Meta>,
    /// The parameters, buffers and constants.
    pub tensors: Vec<GraphTensor>,
    /// The operators in the order in which they run.
    pub nodes: Vec<Node>,
    /// The paths of the modules whose forward function calls other modules, as "layer1.0". A `ModuleList` only
    /// holds modules and is not among them.
    pub modules: Vec<String>,
}

/// What is known of a value.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum Meta {
    /// A tensor.
    #[serde(rename = "t")]
    Tensor {
        /// The size of each axis. `None` is the batch size N; [`OTHER`], −1, is another size that depends on N, as
        /// N · 64.
        #[serde(rename = "s")]
        size: Vec<Option<i64>>,
        /// The type of the elements; float32 is left out in JSON.
        #[serde(rename = "d", default, skip_serializing_if = "Dtype::is_float32")]
        dtype: Dtype,
    },
    /// An integer that depends on the batch size.
    #[serde(rename = "i")]
    Int,
}

/// Stands for the size of an axis that is neither known nor the batch size.
pub const OTHER: i64 = -1;

impl Meta {
    /// The size of each axis of a tensor; `None` for an integer.
    pub fn size(&self) -> Option<&[Option<i64>]> {
        match self {
            Meta::Tensor { size, .. } => Some(size),
            Meta::Int => None,
        }
    }

    /// The type of a tensor's elements; `None` for an integer.
    pub fn dtype(&self) -> Option<Dtype> {
        match self {
            Meta::Tensor { dtype, .. } => Some(*dtype),
            Meta::Int => None,
        }
    }

    /// The size of each axis of a tensor; `None` if one of them depends on the batch size, and for an integer.
    pub fn fixed_size(&self) -> Option<Vec<i64>> {
        let known = |size: &Option<i64>| size.filter(|&size| size != OTHER);
        self.size()?.iter().map(known).collect()
    }
}

/// A tensor that the network owns.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GraphTensor {
    /// Its name in the model's state dict, for a constant its name in the file.
    #[serde(rename = "n")]
    pub name: String,
    /// What it is to the model.
    #[serde(rename = "r")]
    pub role: Role,
    /// The number of its value.
    #[serde(rename = "v")]
    pub value: usize,
    /// Whether it is in the model's state dict: parameters are, and most buffers.
    #[serde(rename = "p")]
    pub persistent: bool,
    /// Further names that the same tensor has in the state dict.
    #[serde(rename = "also", default, skip_serializing_if = "Vec::is_empty")]
    pub aliases: Vec<String>,
}

/// What a tensor is to the model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Role {
    /// Learned.
    #[serde(rename = "p")]
    Parameter,
    /// Not learned, but registered in the model, such as running statistics.
    #[serde(rename = "b")]
    Buffer,
    /// A tensor that the model's code makes and that is not registered.
    #[serde(rename = "c")]
    Constant,
}

/// A call of an operator.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Node {
    /// The operator with its overload, as "aten.conv2d.default".
    #[serde(rename = "f")]
    pub operator: String,
    /// Its arguments by name, in the order of its schema; those at their default may be left out.
    #[serde(rename = "a")]
    pub arguments: Vec<(String, Argument)>,
    /// The values that it makes.
    #[serde(rename = "o")]
    pub outputs: Vec<usize>,
    /// The innermost module that calls it, as "layer1.0.conv1"; "" is the model itself.
    #[serde(rename = "m", default, skip_serializing_if = "String::is_empty")]
    pub module: String,
    /// Whether its outputs depend on neither the images nor anything learned, so that they are always the same.
    #[serde(rename = "c", default, skip_serializing_if = "std::ops::Not::not")]
    pub constant: bool,
}

impl Node {
    /// The argument of this name; `None` if it is left out.
    pub fn argument(&self, name: &str) -> Option<&Argument> {
        let argument = self.arguments.iter().find(|(known, _)| known == name);
        argument.map(|(_, argument)| argument)
    }

    /// The number of the value that is the argument of this name; `None` if that is no tensor.
    pub fn tensor(&self, name: &str) -> Option<usize> {
        match self.argument(name)? {
            Argument::Tensor(value) => Some(*value),
            _ => None,
        }
    }

    /// The integer that is the argument of this name; `None` if that is none, or depends on the batch size.
    pub fn int(&self, name: &str) -> Option<i64> {
        match self.argument(name)? {
            Argument::Int(Size::Known(value)) => Some(*value),
            _ => None,
        }
    }

    /// The integers that are the argument of this name (one counts as a list of one); `None` if it is none, or
    /// depends on the batch size.
    pub fn ints(&self, name: &str) -> Option<Vec<i64>> {
        let known = |size: &Size| match size {
            Size::Known(value) => Some(*value),
            Size::Value(_) => None,
        };
        match self.argument(name)? {
            Argument::Ints(sizes) => sizes.iter().map(known).collect(),
            Argument::Int(size) => Some(vec![known(size)?]),
            _ => None,
        }
    }

    /// The numbers of the values of all tensors among the arguments, in their order.
    pub fn tensors(&self) -> impl Iterator<Item = usize> {
        let arguments = self.arguments.iter().map(|(_, argument)| argument);
        arguments.flat_map(Argument::tensors)
    }

    /// The numbers of the values of all integers among the arguments that depend on the batch size.
    pub fn sizes(&self) -> impl Iterator<Item = usize> {
        let arguments = self.arguments.iter().map(|(_, argument)| argument);
        arguments.flat_map(Argument::sizes)
    }

    /// The operator without "aten." and without its overload; one that is not of "aten" as it is.
    pub fn name(&self) -> &str {
        let Some(name) = self.operator.strip_prefix("aten.") else {
            return &self.operator;
        };
        name.split_once('.').map_or(name, |(name, _)| name)
    }
}

/// An argument of an operator.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Argument {
    /// Python's `None`, for an optional argument.
    #[serde(rename = "n")]
    None,
    /// The tensor that is the value of this number.
    #[serde(rename = "t")]
    Tensor(usize),
    /// A list of tensors by the numbers of their values; `None` for an absent one.
    #[serde(rename = "ts")]
    Tensors(Vec<Option<usize>>),
    /// An integer.
    #[serde(rename = "i")]
    Int(Size),
    /// A list of integers.
    #[serde(rename = "is")]
    Ints(Vec<Size>),
    /// A floating-point number.
    #[serde(rename = "f")]
    Float(Number),
    /// A list of floating-point numbers.
    #[serde(rename = "fs")]
    Floats(Vec<Number>),
    /// A truth value.
    #[serde(rename = "b")]
    Bool(bool),
    /// A list of truth values.
    #[serde(rename = "bs")]
    Bools(Vec<bool>),
    /// A text, as "none" for GELU's approximation.
    #[serde(rename = "w")]
    Text(String),
    /// A type of elements.
    #[serde(rename = "d")]
    Dtype(Dtype),
}

impl Argument {
    /// The numbers of the values of the tensors in it.
    pub fn tensors(&self) -> impl Iterator<Item = usize> {
        let (one, many) = match self {
            Argument::Tensor(value) => (Some(*value), &[][..]),
            Argument::Tensors(values) => (None, &values[..]),
            _ => (None, &[][..]),
        };
        one.into_iter().chain(many.iter().copied().flatten())
    }

    /// The numbers of the values of the integers in it that depend on the batch size.
    pub fn sizes(&self) -> impl Iterator<Item = usize> {
        let (one, many) = match self {
            Argument::Int(size) => (Some(size), &[][..]),
            Argument::Ints(sizes) => (None, &sizes[..]),
            _ => (None, &[][..]),
        };
        one.into_iter().chain(many).filter_map(|size| match size {
            Size::Value(value) => Some(*value),
            Size::Known(_) => None,
        })
    }
}

/// An integer: known, or a value of the graph. In JSON the first is a number, the second a list with the value's
/// number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Size {
    /// The integer itself.
    Known(i64),
    /// The number of a value, an integer that depends on the batch size.
    Value(usize),
}

#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum WrittenSize {
    Known(i64),
    Value([usize; 1]),
}

impl Serialize for Size {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match *self {
            Size::Known(number) => WrittenSize::Known(number),
            Size::Value(value) => WrittenSize::Value([value]),
        }
        .serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Size {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(match WrittenSize::deserialize(deserializer)? {
            WrittenSize::Known(number) => Size::Known(number),
            WrittenSize::Value([value]) => Size::Value(value),
        })
    }
}

/// A floating-point number. JSON has it as a text if it is infinite or NaN, which JSON's numbers cannot be (as in
/// PyTorch's export schema), and if `serde_json` would read the number back with another last digit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Number(pub f64);

impl Serialize for Number {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let text = self.0.to_string();
        match serde_json::from_str::<f64>(&text).is_ok_and(|read| read == self.0) {
            true => serializer.serialize_f64(self.0),
            false => serializer.serialize_str(&text),
        }
    }
}

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Written {
            Number(f64),
            Text(String),
        }
        match Written::deserialize(deserializer)? {
            Written::Number(number) => Ok(Number(number)),
            Written::Text(text) => text.parse().map(Number).map_err(serde::de::Error::custom),
        }
    }
}

/// The type of a tensor's elements, with PyTorch's name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs)]
pub enum Dtype {
    Uint8,
    Int8,
    Int16,
    Int32,
    Int64,
    Float16,
    #[default]
    Float32,
    Float64,
    Bfloat16,
    Bool,
}

impl Dtype {
    /// Bytes of an element.
    pub fn n_bytes(self) -> usize {
        match self {
            Dtype::Uint8 | Dtype::Int8 | Dtype::Bool => 1,
            Dtype::Int16 | Dtype::Float16 | Dtype::Bfloat16 => 2,
            Dtype::Int32 | Dtype::Float32 => 4,
            Dtype::Int64 | Dtype::Float64 => 8,
        }
    }

    fn is_float32(&self) -> bool {
        *self == Dtype::Float32
    }

    /// Whether it is a floating-point type, so that gradients can reach the elements.
    pub fn is_float(self) -> bool {
        use Dtype::{Bfloat16, Float16, Float32, Float64};
        matches!(self, Float16 | Float32 | Float64 | Bfloat16)
    }
}

impl fmt::Display for Dtype {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&format!("{self:?}").to_lowercase())
    }
}

impl Graph {
    /// Writes the graph as JSON on one line.
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).expect("no map keys but strings, no failing writer")
    }

    /// Channels, height and width of the images; zeros if the graph does not say them.
    pub fn image(&self) -> [i64; 3] {
        match self.values.get(self.input).and_then(Meta::size) {
            Some(&[_, Some(channels), Some(height), Some(width)]) => [channels, height, width],
            _ => [0; 3],
        }
    }
}
