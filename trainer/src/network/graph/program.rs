//! A network as a graph: values, the tensors it owns, and the operators that make the one out of the other,
//! in the order in which they run.
//!
//! It knows nothing of files or of libtorch. It is kept as JSON of one line in the metadata of every
//! checkpoint, so the fields of what there is much of have names of one letter there. `check` reads it back
//! and makes sure that it can be run.

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
    /// What is known of each value. Every value is made once, before it is used.
    pub values: Vec<Meta>,
    /// The parameters, buffers and constants.
    pub tensors: Vec<GraphTensor>,
    /// The operators in the order in which they run.
    pub nodes: Vec<Node>,
    /// The modules that call others, as "layer1.0". What only holds modules (`ModuleList`) is none.
    pub modules: Vec<String>,
}

/// What is known of a value.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum Meta {
    /// A tensor.
    #[serde(rename = "t")]
    Tensor {
        /// The size of each axis: `None` is the batch size N, −1 is one that depends on it otherwise, as
        /// N · 64.
        #[serde(rename = "s")]
        size: Vec<Option<i64>>,
        /// The type of the elements; in JSON left out where it is float32.
        #[serde(rename = "d", default, skip_serializing_if = "Dtype::is_float32")]
        dtype: Dtype,
    },
    /// A whole number that depends on the batch size.
    #[serde(rename = "i")]
    Int,
}

/// The size of an axis that is neither known nor the batch size.
pub const OTHER: i64 = -1;

impl Meta {
    /// The size of each axis of a tensor.
    pub fn size(&self) -> Option<&[Option<i64>]> {
        match self {
            Meta::Tensor { size, .. } => Some(size),
            Meta::Int => None,
        }
    }

    /// The type of a tensor's elements.
    pub fn dtype(&self) -> Option<Dtype> {
        match self {
            Meta::Tensor { dtype, .. } => Some(*dtype),
            Meta::Int => None,
        }
    }

    /// The size of each axis of a tensor whose size does not depend on the batch.
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
    /// Its value.
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
    /// Not learned, but part of the model.
    #[serde(rename = "b")]
    Buffer,
    /// Written in the model's code.
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
    /// Whether it depends on neither the images nor anything that is learned, and so need run only once.
    #[serde(rename = "c", default, skip_serializing_if = "std::ops::Not::not")]
    pub constant: bool,
}

impl Node {
    /// The argument of this name.
    pub fn argument(&self, name: &str) -> Option<&Argument> {
        let argument = self.arguments.iter().find(|(known, _)| known == name);
        argument.map(|(_, argument)| argument)
    }

    /// The value of the tensor that is the argument of this name.
    pub fn tensor(&self, name: &str) -> Option<usize> {
        match self.argument(name)? {
            Argument::Tensor(value) => Some(*value),
            _ => None,
        }
    }

    /// The known number that is the argument of this name.
    pub fn int(&self, name: &str) -> Option<i64> {
        match self.argument(name)? {
            Argument::Int(Size::Known(value)) => Some(*value),
            _ => None,
        }
    }

    /// The known numbers that are the argument of this name.
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

    /// The values of all tensors among the arguments, in their order.
    pub fn tensors(&self) -> impl Iterator<Item = usize> {
        let arguments = self.arguments.iter().map(|(_, argument)| argument);
        arguments.flat_map(Argument::tensors)
    }

    /// The values of all numbers among the arguments that depend on the batch size.
    pub fn sizes(&self) -> impl Iterator<Item = usize> {
        let arguments = self.arguments.iter().map(|(_, argument)| argument);
        arguments.flat_map(Argument::sizes)
    }

    /// The operator without "aten." and without its overload; as it is where it is not of "aten".
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
    /// Nothing, where something is optional.
    #[serde(rename = "n")]
    None,
    /// The tensor of a value.
    #[serde(rename = "t")]
    Tensor(usize),
    /// The tensors of some values, some of which may be left out.
    #[serde(rename = "ts")]
    Tensors(Vec<Option<usize>>),
    /// A whole number.
    #[serde(rename = "i")]
    Int(Size),
    /// Whole numbers.
    #[serde(rename = "is")]
    Ints(Vec<Size>),
    /// A number.
    #[serde(rename = "f")]
    Float(Number),
    /// Numbers.
    #[serde(rename = "fs")]
    Floats(Vec<Number>),
    /// A condition.
    #[serde(rename = "b")]
    Bool(bool),
    /// Conditions.
    #[serde(rename = "bs")]
    Bools(Vec<bool>),
    /// A word, as "none" for GELU's approximation.
    #[serde(rename = "w")]
    Text(String),
    /// A type of elements.
    #[serde(rename = "d")]
    Dtype(Dtype),
}

impl Argument {
    /// The values of the tensors in it.
    pub fn tensors(&self) -> impl Iterator<Item = usize> {
        let (one, many) = match self {
            Argument::Tensor(value) => (Some(*value), &[][..]),
            Argument::Tensors(values) => (None, &values[..]),
            _ => (None, &[][..]),
        };
        one.into_iter().chain(many.iter().copied().flatten())
    }

    /// The values of the numbers in it that depend on the batch size.
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

/// A whole number: known, or the value that it is. JSON has the first as a number, the second as a list of
/// one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Size {
    /// The number.
    Known(i64),
    /// The value, which depends on the batch size.
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

/// A number that may be infinite, which JSON has no form for: its text stands there then, as in PyTorch's
/// export schema. So it does where `serde_json` would read another number, as it may in the last digit.
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

    /// Whether elements are fractions, so that gradients can reach them.
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

    /// Channels, height and width of the images.
    pub fn image(&self) -> [i64; 3] {
        match self.values.get(self.input).and_then(Meta::size) {
            Some(&[_, Some(channels), Some(height), Some(width)]) => [channels, height, width],
            _ => [0; 3],
        }
    }
}
