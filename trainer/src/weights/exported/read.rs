//! Reads a `.pt2` file of `torch.export.save`: the network's graph, as it was exported, and the tensors that it
//! owns.
//!
//! `archive` finds the entries of the file, `schema` parses their JSON, `storage` reads the tensors, `convert` the
//! nodes. This file puts them together and refuses what is no image classifier. The graph still has the in-place
//! and needless operators of the export, which `lower` removes.

use std::collections::BTreeMap;
use std::collections::HashMap;

use crate::network::graph::check;
use crate::network::graph::problem::{Problem, quote};
use crate::network::graph::program::{Dtype, Graph, GraphTensor, Meta, Role};
use crate::weights::exported::archive::Archive;
use crate::weights::exported::convert::Values;
use crate::weights::exported::schema::{self, Argument, Extent, InputSpec, OutputSpec};
use crate::weights::exported::storage::{self, Payload, View};

/// The folder of the parameters and of the buffers that are in the state dict.
const WEIGHTS: &str = "data/weights/";
/// The folder of all other tensors.
const CONSTANTS: &str = "data/constants/";

/// A network as a `.pt2` file has it.
pub struct Exported<'a> {
    /// The graph, as it was exported.
    pub graph: Graph,
    /// The tensors of the graph by their names; those with several names are there under each.
    pub tensors: BTreeMap<String, View<'a>>,
}

/// Reads the bytes of a `.pt2` file.
///
/// # Errors
/// A file of another kind, a damaged one, and a network that is no image classifier.
pub fn read(bytes: &[u8]) -> Result<Exported<'_>, Problem> {
    let archive = Archive::parse(bytes)?;
    let entry = program(&archive)?;
    let program = schema::program(&entry, archive.entry(&entry)?)?;
    let module = program.graph_module;
    check::size(module.graph.nodes.len(), "nodes")?;

    let model = &entry["models/".len()..entry.len() - ".json".len()];
    let configs =
        |folder: &str, ends: [&str; 2]| ends.map(|end| format!("{folder}{model}{end}_config.json"));
    let mut left = storage::budget(bytes.len());
    let mut weights = storage::read(
        &archive,
        WEIGHTS,
        &configs(WEIGHTS, ["_weights", "_model_param"]),
        &mut left,
    )?;
    let constants = storage::read(
        &archive,
        CONSTANTS,
        &configs(CONSTANTS, ["_constants", "_model_constants"]),
        &mut left,
    )?;

    let (input, batch) = images(&module.signature.input_specs, &module.graph)?;
    let mut values = Values::new(&module.graph, batch);
    let mut tensors = tensors(
        &module.signature.input_specs,
        &mut values,
        &weights,
        &constants,
    )?;
    let input = values.define_tensor(input)?;
    let nodes = module
        .graph
        .nodes
        .iter()
        .filter_map(|node| values.node(node).transpose())
        .collect::<Result<Vec<_>, Problem>>()?;
    let output = logits(&module.signature.output_specs, &values)?;

    add_unused(&mut tensors, &weights, &mut values);
    let graph = Graph {
        input,
        output,
        modules: values.modules.into_iter().collect(),
        values: values.metas,
        tensors,
        nodes,
    };
    let mut views = BTreeMap::new();
    for (name, payload) in constants {
        views.insert(name, payload.view);
    }
    let named = graph.tensors.iter().filter(|tensor| tensor.persistent);
    for name in named.flat_map(|tensor| [&tensor.name].into_iter().chain(&tensor.aliases)) {
        if let Some(payload) = weights.remove(name) {
            views.insert(name.clone(), payload.view);
        }
    }
    Ok(Exported {
        graph,
        tensors: views,
    })
}

/// The name of the entry that is the exported program: the JSON with the graph.
fn program(archive: &Archive) -> Result<String, Problem> {
    let names: Vec<&str> = archive
        .names_in("models/")
        .filter(|name| name.ends_with(".json"))
        .collect();
    match names[..] {
        [name] => Ok(name.to_owned()),
        _ => Err(Problem::Entry {
            entry: "folder models".into(),
            found: format!("{} programs", names.len()),
            expected: "one, as torch.export.save writes".into(),
        }),
    }
}

/// The name of the value that is the images, and the symbol that stands for the batch size in sizes, as "s77".
fn images<'a>(
    specs: &'a [InputSpec],
    graph: &'a schema::Graph,
) -> Result<(&'a str, &'a str), Problem> {
    let fail = |found: String| Problem::Signature {
        found,
        expected: "a network that takes one tensor, the images (N, C, H, W) of type float32",
    };
    let inputs: Vec<&Argument> = specs
        .iter()
        .filter_map(|spec| match spec {
            InputSpec::UserInput(input) => Some(&input.arg),
            _ => None,
        })
        .collect();
    let [input] = inputs[..] else {
        return Err(fail(format!("a network with {} inputs", inputs.len())));
    };
    let Argument::AsTensor(input) = input else {
        return Err(fail("a network whose input is no tensor".into()));
    };
    let meta = graph.tensor_values.0.get(&input.name);
    let meta = meta.ok_or_else(|| fail(format!("an input {} of no type", quote(&input.name))))?;
    let dtype = storage::dtype(meta).map_err(|found| fail(format!("an input with {found}")))?;
    if dtype != Dtype::Float32 {
        return Err(fail(format!("an input of type {dtype}")));
    }
    match &meta.sizes[..] {
        [
            Extent::AsInt(found),
            Extent::AsInt(_),
            Extent::AsInt(_),
            Extent::AsInt(_),
        ] => Err(Problem::FixedBatch { found: *found }),
        [
            Extent::AsExpr(batch),
            Extent::AsInt(c),
            Extent::AsInt(h),
            Extent::AsInt(w),
        ] if [c, h, w].into_iter().all(|&size| size > 0) => Ok((&input.name, &batch.expr_str)),
        [_, _, _, _] => Err(Problem::Signature {
            found: "a network for images of any size or number of channels".into(),
            expected: "one for images of one size, with dynamic_shapes=({0: batch},)",
        }),
        sizes => Err(fail(format!("an input of {} axes", sizes.len()))),
    }
}

/// The value that is the logits.
fn logits(specs: &[OutputSpec], values: &Values) -> Result<usize, Problem> {
    let fail = |found: String| Problem::Signature {
        found,
        expected: "a network that gives one tensor, the logits (N, K) of type float32",
    };
    let outputs: Vec<&Argument> = specs
        .iter()
        .filter_map(|spec| match spec {
            OutputSpec::UserOutput(output) => Some(&output.arg),
            _ => None,
        })
        .filter(|output| !matches!(output, Argument::AsNone(_)))
        .collect();
    let [output] = outputs[..] else {
        let n_outputs = outputs.len();
        return Err(fail(format!("a network with {n_outputs} outputs")));
    };
    let Argument::AsTensor(output) = output else {
        return Err(fail("a network whose output is no tensor".into()));
    };
    let output = values.tensor(&output.name, "output")?;
    match &values.metas[output] {
        Meta::Tensor { size, dtype } => match (&size[..], dtype) {
            ([None, Some(classes)], Dtype::Float32) if *classes > 0 => Ok(output),
            ([_, _], Dtype::Float32) => Err(fail("logits whose number is not the images'".into())),
            ([_, _], dtype) => Err(fail(format!("logits of type {dtype}"))),
            (size, _) => Err(fail(format!("an output of {} axes", size.len()))),
        },
        Meta::Int => Err(fail("a network whose output is a number".into())),
    }
}

/// Defines the values of the parameters, buffers and constants. A tensor that has several names becomes one with
/// aliases.
fn tensors<'a>(
    specs: &'a [InputSpec],
    values: &mut Values<'a>,
    weights: &BTreeMap<String, Payload>,
    constants: &BTreeMap<String, Payload>,
) -> Result<Vec<GraphTensor>, Problem> {
    let mut tensors: Vec<GraphTensor> = Vec::new();
    let mut same = HashMap::new();
    let mut owned = Vec::new();
    for spec in specs {
        let (argument, name, role, persistent) = match spec {
            InputSpec::Parameter {
                arg,
                parameter_name,
            } => (arg, parameter_name, Role::Parameter, true),
            InputSpec::Buffer {
                arg,
                buffer_name,
                persistent,
            } => (arg, buffer_name, Role::Buffer, *persistent),
            InputSpec::TensorConstant {
                arg,
                tensor_constant_name,
            } => (arg, tensor_constant_name, Role::Constant, false),
            InputSpec::UserInput(_) | InputSpec::ConstantInput(_) => continue,
            InputSpec::CustomObj(_) | InputSpec::Token(_) => {
                return Err(Problem::Signature {
                    found: "a network with an object of a class of its own".into(),
                    expected: "one of tensors only",
                });
            }
        };
        let payload = match persistent {
            true => weights.get(name),
            false => constants.get(name),
        };
        let payload = payload.ok_or_else(|| Problem::Tensor {
            name: quote(name),
            found: "no bytes of it in the file".into(),
            expected: "every tensor of the network".into(),
        })?;
        let expected = values.meta(&argument.name)?;
        let view = &payload.view;
        if expected.fixed_size().as_ref() != Some(&view.size)
            || expected.dtype() != Some(view.dtype)
        {
            return Err(Problem::Tensor {
                name: quote(name),
                found: format!("{} of size {:?}", view.dtype, view.size),
                expected: format!("{expected:?}, as the graph has it"),
            });
        }
        if persistent && view.n_elements() > 0 {
            let first = *same
                .entry((elements(payload), role as u8))
                .or_insert(tensors.len());
            if first < tensors.len() {
                tensors[first].aliases.push(name.clone());
                values.alias(&argument.name, tensors[first].value)?;
                continue;
            }
            if role == Role::Parameter {
                owned.push((name, payload));
            }
        }
        tensors.push(GraphTensor {
            name: name.clone(),
            role,
            value: values.define_tensor(&argument.name)?,
            persistent,
            aliases: Vec::new(),
        });
    }
    refuse_overlap(owned)?;
    Ok(tensors)
}

/// Says which elements of which storage a tensor is: entry, offset, sizes, strides, bytes of an element. Tensors for
/// which all are equal are the same.
fn elements<'a>(payload: &'a Payload) -> (&'a str, i64, &'a [i64], &'a [i64], usize) {
    let Payload { view, entry, .. } = payload;
    let n_bytes = view.dtype.n_bytes();
    (entry, view.offset, &view.size, &view.stride, n_bytes)
}

/// Refuses parameters that share a part of their bytes: training could not change one without the other.
fn refuse_overlap(parameters: Vec<(&String, &Payload)>) -> Result<(), Problem> {
    let mut ranges: Vec<(&str, i64, i64, &String)> = parameters
        .into_iter()
        .map(|(name, Payload { view, entry, .. })| {
            let steps = view.size.iter().zip(&view.stride);
            let last: i64 = steps.map(|(size, stride)| (size - 1) * stride).sum();
            let n_bytes = view.dtype.n_bytes() as i64;
            let (start, end) = (view.offset, view.offset + last + 1);
            (entry.as_str(), start * n_bytes, end * n_bytes, name)
        })
        .collect();
    ranges.sort();
    for pair in ranges.windows(2) {
        if pair[0].0 == pair[1].0 && pair[0].2 > pair[1].1 {
            return Err(Problem::Tensor {
                name: quote(pair[1].3),
                found: format!("a part of it in parameter {}", quote(pair[0].3)),
                expected: "parameters that share all of their elements or none".into(),
            });
        }
    }
    Ok(())
}

/// Adds the tensors of the state dict that the graph does not use, so that `trainer export` can write them all.
fn add_unused(
    tensors: &mut Vec<GraphTensor>,
    weights: &BTreeMap<String, Payload>,
    values: &mut Values,
) {
    let mut known: HashMap<String, usize> = HashMap::new();
    let mut places = HashMap::new();
    for (index, tensor) in tensors.iter().enumerate() {
        for name in [&tensor.name].into_iter().chain(&tensor.aliases) {
            known.insert(name.clone(), index);
        }
        if let Some(payload) = weights.get(&tensor.name).filter(|_| tensor.persistent) {
            places.insert((elements(payload), tensor.role as u8), index);
        }
    }
    for (name, payload) in weights {
        if known.contains_key(name) {
            continue;
        }
        let role = match payload.is_parameter {
            true => Role::Parameter,
            false => Role::Buffer,
        };
        let View { dtype, size, .. } = &payload.view;
        match places.get(&(elements(payload), role as u8)) {
            Some(&index) if payload.view.n_elements() > 0 => {
                tensors[index].aliases.push(name.clone());
            }
            _ => tensors.push(GraphTensor {
                name: name.clone(),
                role,
                value: values.unnamed(Meta::Tensor {
                    size: size.iter().map(|&size| Some(size)).collect(),
                    dtype: *dtype,
                }),
                persistent: true,
                aliases: Vec::new(),
            }),
        }
    }
}
