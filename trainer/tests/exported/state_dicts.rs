//! Tests `trainer import` of state dicts for a network that was itself imported from a file: the names of tensors,
//! tensors of several names, and the head.

use std::path::{Path, PathBuf};

use tch::{Device, Kind, Tensor};
use trainer::names::Layer;
use trainer::network::graph::description::Description;
use trainer::network::graph::entry::entry;
use trainer::network::graph::program::{Argument, Dtype, GraphTensor, Meta, Node, Role};
use trainer::network::{Backbone, Mode, Model};
use trainer::weights::checkpoint::{self, Metadata};
use trainer::weights::import::{Fit, Imported, Request, import};
use trainer::weights::network::{Network, NetworkOptions, open, write};

/// Tensors with their names.
type Named = Vec<(String, Tensor)>;

/// The path of a file in `tests/fixtures/exported`.
fn path(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/exported");
    folder.join(name)
}

/// Opens a network of `tests/fixtures/exported` and writes it to `net.safetensors` in `folder`.
fn written(folder: &Path, name: &str) -> Network {
    let network = open(&path(name), &NetworkOptions::default()).unwrap();
    write(&network, None, &folder.join("net.safetensors")).unwrap();
    network
}

/// The state dict of the PyTorch model that a network was exported from: each tensor under all its names.
fn state_dict(network: &Network) -> Named {
    let mut state = Vec::new();
    for GraphTensor { name, aliases, .. } in &network.description.graph.tensors {
        // Constants have other names in `network.tensors`.
        let found = network.tensors.iter().find(|(known, _)| known == name);
        let Some((_, tensor)) = found else {
            continue;
        };
        for name in [name].into_iter().chain(aliases) {
            state.push((name.clone(), tensor.shallow_clone()));
        }
    }
    state
}

/// `tensors` with `prefix` before their names.
fn prefixed(prefix: &str, tensors: &[(String, Tensor)]) -> Named {
    let tensors = tensors.iter();
    tensors
        .map(|(name, tensor)| (format!("{prefix}{name}"), tensor.shallow_clone()))
        .collect()
}

/// Imports `tensors` for `backbone`, to `out.safetensors` in `folder`. Constants are from `net.safetensors` there, if
/// it exists.
fn imported(
    folder: &Path,
    backbone: Backbone,
    tensors: &[(String, Tensor)],
    prefix: Option<&str>,
    fit: Fit,
) -> Result<Imported, String> {
    let [net, state, out] = ["net", "state", "out"].map(|name| folder.join(name));
    let [net, state, out] = [net, state, out].map(|file| file.with_extension("safetensors"));
    checkpoint::save(&state, tensors, &Metadata::new()).unwrap();
    let request = Request {
        backbone,
        network_file: net.exists().then_some(&*net),
        fit,
        entry: None,
        prefix,
        sha256: None,
        license: None,
    };
    import(&state, &request, &out).map_err(|error| error.to_string())
}

/// The names of the tensors in `out.safetensors` in `folder`, sorted.
fn names_written(folder: &Path) -> Vec<String> {
    let (tensors, _) = checkpoint::load(&folder.join("out.safetensors")).unwrap();
    sorted_names(&tensors)
}

fn sorted_names(tensors: &[(String, Tensor)]) -> Vec<String> {
    let names = tensors.iter().map(|(name, _)| name.clone());
    let mut names: Vec<String> = names.collect();
    names.sort();
    names
}

/// A network whose graph has constants, which are not in the file, and one with a tensor under two names.
#[test]
fn the_error_names_what_all_names_begin_with() {
    for name in ["tokens.pt2", "convolutions.pt2"] {
        let folder = tempfile::tempdir().unwrap();
        let network = written(folder.path(), name);
        let state = state_dict(&network);
        for prefix in ["model.", "model.backbone."] {
            let tensors = prefixed(prefix, &state);
            let import = |given, fit| {
                imported(folder.path(), network.backbone, &tensors, given, fit).map(drop)
            };
            for fit in [Fit::Strict, Fit::Partial] {
                let error = import(None, fit).unwrap_err();
                let expected = format!(
                    "found all begin with `{prefix}`, expected names of {}; take it off with --prefix {prefix}",
                    network.backbone
                );
                assert!(error.ends_with(&expected), "{error}");
            }
            import(Some(prefix), Fit::Strict).unwrap();
        }
    }
}

/// `--partial` takes what fits of a file. The constants of the graph always fit, but are not from the file.
#[test]
fn a_file_of_which_nothing_fits_is_refused_for_a_graph_with_constants_too() {
    let folder = tempfile::tempdir().unwrap();
    let network = written(folder.path(), "tokens.pt2");
    let other = [("loss.weight".to_owned(), Tensor::from_slice(&[1f32]))];
    let made = imported(folder.path(), network.backbone, &other, None, Fit::Partial);
    let error = made.unwrap_err();
    assert!(error.contains("1 unexpected (loss.weight)"), "{error}");
}

/// The networks are those of an averaged model, of a compiled one and of a `Sequential`. Each also counts models. Their
/// weights are imported as they are, and from a wrapper.
#[test]
fn names_that_begin_as_a_wrappers_are_imported() {
    let folder = tempfile::tempdir().unwrap();
    let file = path("blocks.pt2");
    let network = open(&file, &NetworkOptions::default()).unwrap();
    for (start, is_bcosified) in [
        ("module.", false),
        ("_orig_mod.module.", false),
        ("0.", true),
    ] {
        let mut description = network.description.clone();
        description.is_bcosified = is_bcosified;
        for name in &mut description.head {
            name.insert_str(0, start);
        }
        let graph = &mut description.graph;
        for tensor in &mut graph.tensors {
            tensor.name.insert_str(0, start);
        }
        graph.tensors.push(GraphTensor {
            name: "n_averaged".to_owned(),
            role: Role::Buffer,
            value: graph.values.len(),
            persistent: true,
            aliases: Vec::new(),
        });
        graph.values.push(Meta::Tensor {
            size: Vec::new(),
            dtype: Dtype::Int64,
        });
        let backbone = entry(&description.to_json().unwrap(), &file).unwrap();
        let backbone = Backbone::from(backbone);
        let model = Model::new(backbone, 5, 0, Device::Cpu, Kind::Float).unwrap();
        let state = model.params.named();
        let names = sorted_names(&state);
        assert!(names.contains(&"n_averaged".to_owned()), "{names:?}");
        for wrapper in ["", "module.", "_orig_mod."] {
            let tensors = prefixed(wrapper, &state);
            let made = imported(folder.path(), backbone, &tensors, None, Fit::Strict);
            assert_eq!(made.map(|made| made.n_classes), Ok(Some(5)), "{start}");
            assert_eq!(names_written(folder.path()), names, "{wrapper}{start}");
        }
    }
}

/// The counter of a batch norm is loaded as other tensors are where the network reads it, which is made here by
/// subtracting it from the logits; else it is left out.
#[test]
fn a_counter_that_the_network_reads_is_loaded() {
    const COUNTER: &str = "stem.1.num_batches_tracked";
    let file = path("convolutions.pt2");
    let network = open(&file, &NetworkOptions::default()).unwrap();
    let mut reading = network.description.clone();
    let graph = &mut reading.graph;
    let mut tensors = graph.tensors.iter();
    let counter = tensors.find(|tensor| tensor.name == COUNTER).unwrap().value;
    let logits = graph.values[graph.output].clone();
    let arguments = [("self", graph.output), ("other", counter)];
    graph.output = graph.values.len();
    graph.values.push(logits);
    graph.nodes.push(Node {
        operator: "aten.sub.Tensor".to_owned(),
        arguments: arguments
            .map(|(name, value)| (name.to_owned(), Argument::Tensor(value)))
            .to_vec(),
        outputs: vec![graph.output],
        module: String::new(),
        constant: false,
    });
    let mut weights = prefixed("", &network.tensors);
    for (_, tensor) in weights.iter_mut().filter(|(name, _)| name == COUNTER) {
        *tensor = Tensor::from(3i64);
    }
    let images = Tensor::rand([2, 3, 8, 8], (Kind::Float, Device::Cpu));
    let logits = |description: &Description, has_counter: bool| {
        let entry = entry(&description.to_json().unwrap(), &file).unwrap();
        let model = Model::new(entry.into(), 5, 0, Device::Cpu, Kind::Float).unwrap();
        let names = sorted_names(&model.params.named());
        assert_eq!(names.contains(&COUNTER.to_owned()), has_counter);
        model.params.load(&weights, &[], "weights").unwrap();
        tch::no_grad(|| model.logits(&images, Layer::Input, Mode::Eval)).unwrap()
    };
    let apart = logits(&network.description, false) - logits(&reading, true);
    let off = (apart - 3.0).abs().max().double_value(&[]);
    assert!(off < 1e-4, "{off}");
}

#[test]
fn a_head_that_does_not_fit_is_not_written() {
    let folder = tempfile::tempdir().unwrap();
    let network = open(&path("blocks.pt2"), &NetworkOptions::default()).unwrap();
    let inputs = network.description.head_inputs;
    let (head, body): (Named, Named) = state_dict(&network)
        .into_iter()
        .partition(|(name, _)| name.starts_with("head."));
    assert_eq!(head.len(), 2);
    let ones = |size: &[i64]| Tensor::ones(size, (Kind::Float, Device::Cpu));
    // The size of the weight, that of the bias if there is one, and the number of classes if the head is written.
    for (weight, bias, n_classes) in [
        ([7, inputs], Some(7), Some(7)),
        ([7, inputs], Some(6), None),
        ([7, inputs], None, None),
        ([100_000, 1], Some(1000), None),
    ] {
        let mut tensors = prefixed("", &body);
        tensors.push(("head.weight".to_owned(), ones(&weight)));
        tensors.extend(bias.map(|bias| ("head.bias".to_owned(), ones(&[bias]))));
        let made = imported(
            folder.path(),
            network.backbone,
            &tensors,
            None,
            Fit::Partial,
        );
        assert_eq!(made.unwrap().n_classes, n_classes, "{weight:?}, {bias:?}");
        let expected = match n_classes {
            Some(_) => sorted_names(&tensors),
            None => sorted_names(&body),
        };
        assert_eq!(names_written(folder.path()), expected);
    }
}

/// In this network `conv.weight` and `tied.weight` are one tensor.
#[test]
fn names_of_one_tensor_must_have_the_same_values() {
    let folder = tempfile::tempdir().unwrap();
    let network = written(folder.path(), "convolutions.pt2");
    let import = |values: &[(&str, f64)], fit| {
        let mut tensors = state_dict(&network);
        for (name, tensor) in &mut tensors {
            if let Some((_, value)) = values.iter().find(|(known, _)| *known == name.as_str()) {
                *tensor = tensor.full_like(*value);
            }
        }
        imported(folder.path(), network.backbone, &tensors, None, fit).map(drop)
    };
    for fit in [Fit::Strict, Fit::Partial] {
        import(&[], fit).unwrap();
        import(&[("conv.weight", 0.5), ("tied.weight", 0.5)], fit).unwrap();
        let error = import(&[("tied.weight", 0.5)], fit).unwrap_err();
        let expected =
            "tied.weight: found other values than those of conv.weight, expected the same";
        assert!(error.contains(expected), "{error}");
        // NaN is refused as such, not as another value than NaN.
        let nan = [("conv.weight", f64::NAN), ("tied.weight", f64::NAN)];
        let error = import(&nan, fit).unwrap_err();
        assert!(
            error.contains("conv.weight[0, 0, 0, 0]: found NaN"),
            "{error}"
        );
    }
}
