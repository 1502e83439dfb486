//! Tests what is read of the small exported networks of `tests/python/export_fixtures.py`: operators, tensors,
//! layers, head.

use trainer::network::graph::layers::find::{AxisOrder, Layers};
use trainer::network::graph::layers::head::{find_head, head};
use trainer::network::graph::program::{Dtype, Graph, Number, Role};
use trainer::weights::exported::read::read;

use super::{all, archive, defaults, edited, entries, fixture};

/// The operators that a graph calls, without their overloads.
fn operators(graph: &Graph) -> Vec<&str> {
    graph.nodes.iter().map(|node| node.name()).collect()
}

#[test]
fn a_graph_has_no_operator_that_overwrites() {
    let graph = all(&fixture("convolutions.pt2")).unwrap();
    let expected = [
        "conv2d",
        "batch_norm",
        "relu",
        "conv2d",
        "hardtanh",
        "add",
        // `y[:, 1].mul_(2)` overwrites a part of y; a view of y that was taken before it is computed anew.
        "select",
        "mul",
        "select_scatter",
        "conv2d",
        "hardtanh",
        "slice",
        "mean",
        "add",
        "max_pool2d",
        "mean",
        "linear",
    ];
    assert_eq!(operators(&graph), expected);
}

/// Core operators have several variants of batch norm and pooling, with more outputs; they become the usual ones.
#[test]
fn a_graph_of_core_operators_has_the_same_norms_and_pooling() {
    let graph = all(&fixture("convolutions.core.pt2")).unwrap();
    let norm = graph
        .nodes
        .iter()
        .find(|node| node.name() == "batch_norm")
        .unwrap();
    let names: Vec<&str> = norm
        .arguments
        .iter()
        .map(|(name, _)| name.as_str())
        .collect();
    assert_eq!(names[5..], ["training", "momentum", "eps", "cudnn_enabled"]);
    assert_eq!(norm.outputs.len(), 1);
    assert!(operators(&graph).contains(&"max_pool2d"));
}

#[test]
fn what_depends_on_no_image_and_no_parameter_is_constant() {
    let graph = all(&fixture("tokens.pt2")).unwrap();
    let constant = graph.nodes.iter().filter(|node| node.constant);
    let constant: Vec<&str> = constant.map(|node| node.name()).collect();
    let expected = [
        "zeros",
        "expand",
        "slice_scatter",
        "expand",
        "slice",
        "slice_scatter",
        "slice_scatter",
        "reshape",
        "eq",
        "masked_fill",
    ];
    assert_eq!(constant, expected);
}

#[test]
fn a_state_dict_has_every_name_type_and_shared_tensor() {
    let bytes = fixture("convolutions.pt2");
    let exported = read(&bytes).unwrap();
    let named = |name: &str| {
        let mut tensors = exported.graph.tensors.iter();
        tensors.find(|tensor| tensor.name == name).unwrap()
    };
    assert_eq!(named("conv.weight").aliases, ["tied.weight"]);
    assert_eq!(named("stem.1.num_batches_tracked").role, Role::Buffer);
    let names: Vec<&str> = exported.tensors.keys().map(String::as_str).collect();
    let expected = [
        "conv.bias",
        "conv.weight",
        "head.bias",
        "head.weight",
        "stem.0.weight",
        "stem.1.bias",
        "stem.1.num_batches_tracked",
        "stem.1.running_mean",
        "stem.1.running_var",
        "stem.1.weight",
        "tied.bias",
        "tied.weight",
        "unused",
    ];
    assert_eq!(names, expected);
    assert_eq!(
        exported.tensors["conv.weight"],
        exported.tensors["tied.weight"]
    );
    let unused = &exported.tensors["unused"];
    assert_eq!((unused.dtype, &unused.size[..]), (Dtype::Int64, &[3][..]));
    let elements: Vec<u8> = [0i64, 1, 2]
        .into_iter()
        .flat_map(i64::to_le_bytes)
        .collect();
    assert_eq!(*unused.contiguous(), elements);
    let lowered = all(&bytes).unwrap();
    assert_eq!(lowered.tensors.len(), exported.graph.tensors.len());
}

#[test]
fn a_buffer_outside_the_state_dict_keeps_its_name_and_role() {
    let bytes = fixture("tokens.pt2");
    let exported = read(&bytes).unwrap();
    let places = exported
        .graph
        .tensors
        .iter()
        .find(|tensor| tensor.name == "places")
        .unwrap();
    assert_eq!((places.role, places.persistent), (Role::Buffer, false));
    assert_eq!(exported.tensors["places"].size, [1, 5, 8]);
    assert_eq!(exported.tensors["blocks.0.index"].dtype, Dtype::Int64);
}

#[test]
fn a_graph_survives_json_on_one_line() {
    for name in ["convolutions.pt2", "convolutions.core.pt2", "tokens.pt2"] {
        let graph = all(&fixture(name)).unwrap();
        let json = graph.to_json();
        assert!(!json.contains('\n'));
        assert_eq!(Graph::from_json(&json).unwrap(), graph, "{name}");
    }
}

/// `serde_json` alone would read the first two of these with another last digit, and has no form for the third.
#[test]
fn numbers_survive_json_exactly() {
    for number in [0.022530295452966646, 0.022768472012439346, f64::INFINITY] {
        let json = serde_json::to_string(&Number(number)).unwrap();
        let read: Number = serde_json::from_str(&json).unwrap();
        assert_eq!(read, Number(number), "{json}");
    }
}

#[test]
fn layers_have_the_names_of_their_modules() {
    let graph = all(&fixture("convolutions.pt2")).unwrap();
    let layers = Layers::of(&graph);
    let names: Vec<&str> = layers
        .candidates
        .iter()
        .map(|layer| layer.module.as_str())
        .collect();
    // `act` is called twice, but neither call is on every path from the images to the logits. The sums after it are
    // computed by the model itself: "act+".
    assert_eq!(
        names,
        [
            "stem.0", "stem.1", "stem", "act+", "act+@1", "act+@2", "pool"
        ]
    );
    let stem = layers.find("stem.2").unwrap();
    assert_eq!(
        (stem.order, stem.grid, stem.channels),
        (AxisOrder::ChannelsFirst, [4, 4], 4)
    );
    assert_eq!(
        defaults(&graph),
        [("mid1", "stem".into()), ("final", "pool".into())]
    );
    let missing = layers.find("conv").unwrap_err().to_string();
    assert!(
        missing.contains("\"stem\" before it and \"act+\" after it"),
        "{missing}"
    );
    let missing = layers.find("layer4").unwrap_err().to_string();
    assert!(missing.contains("no module of this name"), "{missing}");
}

#[test]
fn tokens_are_maps_until_only_the_class_token_goes_on() {
    let graph = all(&fixture("tokens.pt2")).unwrap();
    let layers = Layers::of(&graph);
    let found: Vec<(&str, AxisOrder, bool)> = layers
        .candidates
        .iter()
        .map(|layer| (layer.module.as_str(), layer.order, layer.reaches_logits))
        .collect();
    let (plain, behind) = (
        AxisOrder::Tokens { before: 0 },
        AxisOrder::Tokens { before: 1 },
    );
    let expected = [
        ("patches", AxisOrder::ChannelsFirst, true),
        ("patches+", plain, true),
        ("blocks.0+", behind, true),
        ("blocks.1+", behind, true),
        ("blocks.2+", behind, true),
        ("blocks.3+", behind, false),
        ("norm", behind, false),
    ];
    assert_eq!(found, expected);
    assert!(
        layers
            .candidates
            .iter()
            .all(|layer| (layer.grid, layer.channels) == ([2, 2], 8))
    );
    // The patches of blocks.2 are read by the last block's norm alone; from there only the class token goes on.
    let normed = layers
        .candidates
        .iter()
        .filter(|layer| layer.is_only_normed);
    let normed: Vec<&str> = normed.map(|layer| layer.module.as_str()).collect();
    assert_eq!(normed, ["blocks.2+"]);
    assert_eq!(
        defaults(&graph),
        [("mid1", "blocks.0+".into()), ("final", "blocks.1+".into())]
    );
}

#[test]
fn the_head_is_the_last_linear_layer() {
    for name in ["convolutions.pt2", "convolutions.core.pt2", "tokens.pt2"] {
        let graph = all(&fixture(name)).unwrap();
        let found = head(&graph).unwrap();
        assert_eq!((found.weight.as_str(), found.n_classes), ("head.weight", 5));
        assert_eq!(found.bias.as_deref(), Some("head.bias"));
        assert_eq!(find_head(&graph, "head").unwrap(), found);
        assert!(find_head(&graph, "conv").is_err());
    }
}

#[test]
fn an_archive_written_anew_is_the_same_network() {
    let bytes = fixture("tokens.pt2");
    let again = archive(&entries(&bytes));
    assert_eq!(all(&again).unwrap(), all(&bytes).unwrap());
}

#[test]
fn paddings_and_what_blocks_undo_are_no_stages() {
    let graph = all(&fixture("blocks.pt2")).unwrap();
    let padded = Layers::of(&graph).candidates;
    let padded = padded.iter().filter(|layer| layer.is_padded);
    let padded: Vec<&str> = padded.map(|layer| layer.module.as_str()).collect();
    assert_eq!(padded.len(), 5, "{padded:?}");
    assert!(padded.iter().all(|module| module.ends_with(".pad")));
    let expected = [("mid1", "layer1"), ("mid2", "layer2"), ("final", "act@1")];
    let expected = expected.map(|(role, module)| (role, module.to_owned()));
    assert_eq!(defaults(&graph), expected);
}

/// With `strict=True`, PyTorch exports a module that several others share under one name wherever it is called. Such
/// a call must count as a part of the calling module, so that layers are found as without it.
#[test]
fn a_shared_module_is_a_part_of_what_calls_it() {
    let file = edited("blocks.pt2", "models/model.json", |bytes| {
        let mut text = String::from_utf8(bytes).unwrap();
        for block in ["layer1", "layer2.0", "layer2.1", "layer3.0", "layer3.1"] {
            text = text.replace(&format!(",{block}.act.0,"), ",layer2.0.act.0,");
            text = text.replace(&format!(",{block}.act,"), ",layer2.0.act,");
        }
        text.into_bytes()
    });
    let graph = all(&file).unwrap();
    assert_eq!(graph.nodes[19].module, "layer3.1");
    let layers = Layers::of(&graph);
    for module in ["layer1", "layer2.0", "layer2", "layer3.0", "layer3"] {
        assert_eq!(layers.find(module).unwrap().module, module);
    }
    assert_eq!(
        defaults(&graph),
        defaults(&all(&fixture("blocks.pt2")).unwrap())
    );
}

/// A slice of a module list has commas in its path, which must not end it.
#[test]
fn a_part_of_a_module_list_is_no_end_of_a_name() {
    let file = edited("blocks.pt2", "models/model.json", |bytes| {
        let text = String::from_utf8(bytes).unwrap();
        let part = ",layer2.slice(None, 2, None).0";
        text.replace(",layer2.0", part).into_bytes()
    });
    let graph = all(&file).unwrap();
    let part = "layer2.slice(None, 2, None).0";
    assert_eq!(Layers::of(&graph).find(part).unwrap().module, part);
}
