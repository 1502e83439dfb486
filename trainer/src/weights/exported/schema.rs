//! The parts of PyTorch's export schema (`torch/_export/serde/schema.py`, version 8) that the trainer reads, with
//! PyTorch's names of structures and fields; the schema says what they mean. Other fields are ignored, as PyTorch
//! adds some with each minor version. `IgnoredAny` stands for content that is not read.
//!
//! `serde_json` bounds how deep the JSON is nested. `read.rs` and `convert.rs` turn the parts into a graph.

#![expect(clippy::enum_variant_names, reason = "these are the schema's names")]

use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;

use serde::de::{Error, IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

use crate::network::graph::problem::{Problem, line, quote};
use crate::network::graph::program::Number;

/// The schema's major version. PyTorch raises it for changes that older readers would misread.
const MAJOR: i64 = 8;
/// The most bytes of JSON that are parsed, about thirty times the largest classifier's.
const MAX_BYTES: usize = 64 << 20;

#[derive(Deserialize)]
pub(crate) struct ExportedProgram {
    pub(crate) graph_module: GraphModule,
}

#[derive(Deserialize)]
pub(crate) struct SchemaVersion {
    pub(crate) major: i64,
}

#[derive(Deserialize)]
pub(crate) struct GraphModule {
    pub(crate) graph: Graph,
    pub(crate) signature: GraphSignature,
}

#[derive(Deserialize)]
pub(crate) struct Graph {
    pub(crate) nodes: Vec<Node>,
    pub(crate) tensor_values: Unique<TensorMeta>,
    pub(crate) sym_int_values: Unique<IgnoredAny>,
}

#[derive(Deserialize)]
pub(crate) struct GraphSignature {
    pub(crate) input_specs: Vec<InputSpec>,
    pub(crate) output_specs: Vec<OutputSpec>,
}

#[derive(Deserialize)]
pub(crate) struct Node {
    pub(crate) target: String,
    pub(crate) inputs: Vec<NamedArgument>,
    pub(crate) outputs: Vec<Argument>,
    #[serde(default)]
    pub(crate) metadata: Metadata,
}

#[derive(Default, Deserialize)]
pub(crate) struct Metadata {
    /// "KEY,PATH,CLASS" of each module around the node, the outermost first, separated by ";".
    #[serde(default)]
    pub(crate) nn_module_stack: String,
}

#[derive(Deserialize)]
pub(crate) struct NamedArgument {
    pub(crate) name: String,
    pub(crate) arg: Argument,
}

#[derive(Deserialize)]
pub(crate) struct Name {
    pub(crate) name: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Argument {
    AsNone(IgnoredAny),
    AsTensor(Name),
    AsTensors(Vec<Name>),
    AsInt(i64),
    AsInts(Vec<i64>),
    AsFloat(Number),
    AsFloats(Vec<Number>),
    AsString(String),
    AsStrings(IgnoredAny),
    AsSymInt(SymInt),
    AsSymInts(Vec<SymInt>),
    AsScalarType(i64),
    AsMemoryFormat(IgnoredAny),
    AsLayout(IgnoredAny),
    AsDevice(IgnoredAny),
    AsBool(bool),
    AsBools(Vec<bool>),
    AsSymBool(Symbol),
    AsSymBools(IgnoredAny),
    AsGraph(IgnoredAny),
    AsOptionalTensors(Vec<OptionalTensor>),
    AsCustomObj(IgnoredAny),
    AsOperator(IgnoredAny),
    AsSymFloat(Symbol),
    AsSymFloats(IgnoredAny),
    AsOptionalTensor(OptionalTensor),
    AsComplex(IgnoredAny),
    AsNestedTensors(IgnoredAny),
    AsIntLists(IgnoredAny),
    AsStringToArgument(IgnoredAny),
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum OptionalTensor {
    AsTensor(Name),
    AsNone(IgnoredAny),
}

/// An integer among the arguments, or the name of one that the graph computes.
#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum SymInt {
    AsName(String),
    AsInt(i64),
}

/// A truth value or floating-point number among the arguments, or the name of one that the graph computes.
#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Symbol {
    AsName(String),
    AsBool(bool),
    AsFloat(Number),
}

#[derive(Deserialize)]
pub(crate) struct TensorMeta {
    pub(crate) dtype: i64,
    pub(crate) sizes: Vec<Extent>,
    pub(crate) strides: Vec<Extent>,
    pub(crate) storage_offset: Extent,
}

/// A size: a number, or an expression of the batch size.
#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Extent {
    AsExpr(Expression),
    AsInt(i64),
}

#[derive(Deserialize)]
pub(crate) struct Expression {
    pub(crate) expr_str: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum InputSpec {
    UserInput(Wrapped),
    Parameter {
        arg: Name,
        parameter_name: String,
    },
    Buffer {
        arg: Name,
        buffer_name: String,
        persistent: bool,
    },
    TensorConstant {
        arg: Name,
        tensor_constant_name: String,
    },
    CustomObj(IgnoredAny),
    Token(IgnoredAny),
    ConstantInput(IgnoredAny),
}

#[derive(Deserialize)]
pub(crate) struct Wrapped {
    pub(crate) arg: Argument,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum OutputSpec {
    UserOutput(Wrapped),
    LossOutput(IgnoredAny),
    BufferMutation(IgnoredAny),
    GradientToParameter(IgnoredAny),
    GradientToUserInput(IgnoredAny),
    UserInputMutation(IgnoredAny),
    Token(IgnoredAny),
    ParameterMutation(IgnoredAny),
}

/// The list of the weights or of the constants: which entry holds each tensor's storage, and which part it is.
#[derive(Deserialize)]
pub(crate) struct PayloadConfig {
    pub(crate) config: Unique<PayloadMeta>,
}

#[derive(Deserialize)]
pub(crate) struct PayloadMeta {
    pub(crate) path_name: String,
    pub(crate) is_param: bool,
    pub(crate) use_pickle: bool,
    pub(crate) tensor_meta: Option<TensorMeta>,
}

/// Parses the JSON of the entry named `entry`; `what` says in the error what it should be.
pub(crate) fn parse<'a, T: Deserialize<'a>>(
    entry: &str,
    json: &'a [u8],
    what: &str,
) -> Result<T, Problem> {
    let fail = |found| Problem::Entry {
        entry: format!("entry {}", quote(entry)),
        found,
        expected: what.into(),
    };
    if json.len() > MAX_BYTES {
        return Err(fail(format!("{} bytes of JSON", json.len())));
    }
    serde_json::from_slice(json).map_err(|error| fail(line(&error)))
}

/// Parses the exported program; refuses other versions of the schema.
pub(crate) fn program(entry: &str, json: &[u8]) -> Result<ExportedProgram, Problem> {
    #[derive(Deserialize)]
    struct Versioned {
        schema_version: SchemaVersion,
    }
    // The version first: in another version the rest may have another form and fail to parse.
    let found: Versioned = parse(entry, json, "the JSON of an exported program")?;
    let major = found.schema_version.major;
    if major != MAJOR {
        return Err(Problem::Entry {
            entry: format!("entry {}", quote(entry)),
            found: format!("version {major} of the export schema"),
            expected: format!("version {MAJOR}, as PyTorch 2.9 to 2.11 write it"),
        });
    }
    parse(entry, json, "the graph of an exported program")
}

/// A JSON object in which no name is there twice.
pub(crate) struct Unique<T>(pub(crate) BTreeMap<String, T>);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Unique<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Entries<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for Entries<T> {
            type Value = BTreeMap<String, T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut entries = BTreeMap::new();
                while let Some((name, value)) = map.next_entry::<String, T>()? {
                    if entries.contains_key(&name) {
                        let twice = format!("the name {} twice", quote(&name));
                        return Err(A::Error::custom(twice));
                    }
                    entries.insert(name, value);
                }
                Ok(entries)
            }
        }

        deserializer.deserialize_map(Entries(PhantomData)).map(Self)
    }
}
