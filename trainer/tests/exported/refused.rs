//! Files of exported networks that must be refused: other kinds of files, damaged archives, networks that are no
//! image classifiers, edited graphs and tensors. Each case has a part of the expected error.

use super::{archive, edited, entries, fixture, problem, replaced};

/// The entry with the graph.
const MODEL: &str = "models/model.json";
/// The entry with the list of the weights.
const WEIGHTS: &str = "model_weights_config.json";

#[test]
fn other_files_are_told_apart() {
    let convolutions = entries(&fixture("convolutions.pt2"));
    let without = |end: &str| -> Vec<(String, Vec<u8>)> {
        let kept = convolutions.iter().filter(|(name, _)| !name.ends_with(end));
        kept.cloned().collect()
    };
    let of = |names: &[&str]| {
        let empty: Vec<_> = names
            .iter()
            .map(|name| ((*name).to_owned(), Vec::new()))
            .collect();
        archive(&empty)
    };
    let mut of_2_8 = without(WEIGHTS);
    of_2_8.push(("convolutions/data/weights/model.pt".into(), Vec::new()));
    let mut compiled = without(MODEL);
    compiled.push((
        "convolutions/data/aotinductor/model/a.so".into(),
        Vec::new(),
    ));
    let of_2_7 = of(&["serialized_exported_program.json", "version"]);
    for (file, expected) in [
        (fixture("torchscript.pt"), "found a TorchScript file"),
        (
            fixture("weights.pth"),
            "found a checkpoint of torch.save, which holds weights but no graph",
        ),
        (fixture("legacy.pth"), "found a pickle"),
        (
            of_2_7,
            "PyTorch 2.7 or earlier, expected a network saved by torch.export.save: export again with PyTorch 2.9 or later",
        ),
        (
            archive(&of_2_8),
            "found weights in a pickle, as PyTorch 2.8 saves them",
        ),
        (archive(&compiled), "found a compiled network (AOTInductor)"),
        (
            of(&["a/b"]),
            "found a zip archive without the entry archive_format",
        ),
        (b"\x10\0\0\0\0\0\0\0{}".to_vec(), "found a safetensors file"),
        (b"ONNX?".to_vec(), "found a file that starts with \"ONNX?\""),
        (Vec::new(), "found an empty file"),
    ] {
        let said = problem(&file);
        assert!(said.contains(expected), "{said}");
        assert_eq!(said.lines().count(), 1, "{said}");
    }
}

#[test]
fn damaged_archives_are_refused() {
    let bytes = fixture("convolutions.pt2");
    let convolutions = entries(&bytes);
    let mut twice = convolutions.clone();
    twice.push(convolutions[0].clone());
    let mut two_roots = convolutions.clone();
    two_roots[3].0 = two_roots[3].0.replace("convolutions/", "other/");
    let mut two_programs = convolutions.clone();
    two_programs.push(("convolutions/models/second.json".into(), Vec::new()));
    let mut without = convolutions.clone();
    without.retain(|(name, _)| !name.ends_with("weight_3"));
    let mut changed = archive(&convolutions);
    changed[100] ^= 1;
    let plain = archive(&convolutions);
    // The first header of the directory: its offset is in the archive's last record.
    let header = u32::from_le_bytes(plain[plain.len() - 6..][..4].try_into().unwrap()) as usize;
    let mut compressed = plain.clone();
    compressed[header + 10] = 8;
    let mut overlapping = plain.clone();
    let length = (header as u32 - 200).to_le_bytes();
    overlapping[header + 20..header + 28].copy_from_slice(&[length, length].concat());
    for (file, expected) in [
        (bytes[..bytes.len() - 1].to_vec(), "the file is cut"),
        (archive(&twice), "weight_0\" twice"),
        (archive(&two_roots), "outside the first entry's folder"),
        (
            archive(&two_programs),
            "folder models: found 2 programs, expected one",
        ),
        (
            archive(&without),
            "entry \"data/weights/weight_3\": found no such entry",
        ),
        (changed, "found bytes of checksum"),
        (
            compressed,
            "entry \"data/weights/weight_0\": found it compressed, expected it stored",
        ),
        (overlapping, "another from"),
        (
            edited("convolutions.pt2", "byteorder", |_| b"big".into()),
            "entry \"byteorder\": found \"big\", expected \"little\", little-endian numbers",
        ),
        (
            edited("convolutions.pt2", "archive_version", |_| b"1".into()),
            "entry \"archive_version\": found \"1\", expected \"0\"",
        ),
        (
            edited("convolutions.pt2", "archive_format", |_| b"pt3".into()),
            "entry \"archive_format\": found \"pt3\", expected \"pt2\"",
        ),
    ] {
        let said = problem(&file);
        assert!(said.contains(expected), "{said}");
    }
}

#[test]
fn networks_that_are_no_image_classifiers_are_refused() {
    for (name, expected) in [
        (
            "fixed_batch",
            "found a network for exactly 2 images, expected one for any number\nhint: torch.export.export(",
        ),
        ("any_size", "found a network for images of any size"),
        (
            "two_inputs",
            "found a network with 2 inputs, expected a network that takes one tensor",
        ),
        (
            "two_outputs",
            "found a network with 2 outputs, expected a network that gives one tensor",
        ),
        ("output_of_images", "found an output of 4 axes"),
        ("float64", "found an input of type float64"),
        ("no_images", "found an input of 2 axes"),
        (
            "random",
            "found operator \"aten.rand_like.default\" in the model itself, expected none that draws random numbers: call model.eval()",
        ),
        ("complex", "found complex numbers"),
        (
            "branches",
            "found operator \"higher_order.cond\" in the model itself, expected one of PyTorch's own",
        ),
        (
            "overwritten",
            "found \"aten.add_.Tensor\", which overwrites a part of what is used later",
        ),
    ] {
        let said = problem(&fixture(&format!("{name}.pt2")));
        assert!(said.contains(expected), "{name}: {said}");
    }
}

#[test]
fn edited_graphs_are_refused() {
    let deep = format!(
        "{{\"as_float\": {}{}}}",
        "[".repeat(1 << 18),
        "]".repeat(1 << 18)
    );
    let before = "\"arg\": {\"as_tensor\": {\"name\": \"batch_norm\"}}";
    for (entry, old, new, expected) in [
        (
            MODEL,
            "\"major\": 8",
            "\"major\": 9",
            "found version 9 of the export schema, expected version 8",
        ),
        (
            MODEL,
            before,
            "\"arg\": {\"as_tensor\": {\"name\": \"linear\"}}",
            "\"aten.relu_.default\" in \"stem.2\": found value \"linear\", which is not made before, expected values that are made before their use",
        ),
        (
            MODEL,
            before,
            "\"arg\": {\"as_tensor\": {\"name\": \"no such\"}}",
            "found value \"no such\"",
        ),
        (
            MODEL,
            "\"outputs\": [{\"as_tensor\": {\"name\": \"conv2d\"}}]",
            "\"outputs\": [{\"as_tensor\": {\"name\": \"x\"}}]",
            "it made twice",
        ),
        (
            MODEL,
            "\"outputs\": [{\"as_tensor\": {\"name\": \"conv2d\"}}]",
            "\"outputs\": []",
            "found value \"conv2d\"",
        ),
        (
            MODEL,
            "torch.ops.aten.conv2d.default",
            "torch.ops.aten.from_file.default",
            "found operator \"aten.from_file.default\" in \"stem.0\", expected one of those for image classifiers; it can be asked for",
        ),
        (
            MODEL,
            "torch.ops.aten.conv2d.default",
            "torch.ops.aten.conv2d.out",
            "aten.conv2d.out",
        ),
        (
            MODEL,
            "torch.ops.aten.conv2d.default",
            "torch.ops.mine.conv2d.default",
            "one of PyTorch's own",
        ),
        (
            MODEL,
            "torch.ops.aten.conv2d.default",
            "os.system",
            "one of PyTorch's own",
        ),
        (
            MODEL,
            "\"nodes\": [",
            "\"nodes\": [3, ",
            "invalid type: integer `3`",
        ),
        (
            MODEL,
            "\"tensor_values\": {",
            "\"tensor_values\": {\"x\": null, ",
            "invalid type",
        ),
        (
            WEIGHTS,
            "\"use_pickle\": false",
            "\"use_pickle\": true",
            "found it in a pickle",
        ),
        (
            WEIGHTS,
            "\"conv.bias\"",
            "\"conv.weight\"",
            "the name \"conv.weight\" twice",
        ),
        (
            WEIGHTS,
            "\"conv.bias\"",
            "\"other\"",
            "tensor \"conv.bias\": found no bytes of it in the file",
        ),
        (
            WEIGHTS,
            "{\"as_int\": 3}",
            "{\"as_int\": 4611686018427387904}",
            "no more than the",
        ),
        (
            WEIGHTS,
            "{\"as_int\": 3}",
            "{\"as_int\": -3}",
            "unknown or negative",
        ),
        (
            WEIGHTS,
            "\"storage_offset\": {\"as_int\": 0}",
            "\"storage_offset\": {\"as_int\": 7}",
            "offset 7, expected no more than",
        ),
        (
            WEIGHTS,
            "\"dtype\": 7",
            "\"dtype\": 9",
            "found complex numbers",
        ),
        (
            WEIGHTS,
            "\"path_name\": \"",
            "\"path_name\": \"../../",
            "no such entry",
        ),
        (
            MODEL,
            "{\"as_float\": 0.1}",
            deep.as_str(),
            "recursion limit exceeded",
        ),
    ] {
        let said = problem(&replaced("convolutions.pt2", entry, old, new));
        assert!(said.contains(expected), "{new:.60}: {said}");
        assert_eq!(said.lines().count(), 1, "{said}");
    }
}

#[test]
fn a_small_file_cannot_describe_a_huge_network() {
    // One element, read as 2^40 of them.
    let file = edited("convolutions.pt2", WEIGHTS, |bytes| {
        let text = String::from_utf8(bytes).unwrap();
        let mut config: serde_json::Value = serde_json::from_str(&text).unwrap();
        let meta = &mut config["config"]["unused"]["tensor_meta"];
        meta["sizes"] = serde_json::json!([{"as_int": 1i64 << 40}]);
        meta["strides"] = serde_json::json!([{"as_int": 0}]);
        config.to_string().into_bytes()
    });
    let said = problem(&file);
    assert!(
        said.contains("expected all tensors within 16 times the file's size"),
        "{said}"
    );
}

#[test]
fn parameters_that_share_a_part_of_their_memory_are_refused() {
    let file = edited("convolutions.pt2", WEIGHTS, |bytes| {
        let mut config: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
        let path = config["config"]["head.weight"]["path_name"].clone();
        config["config"]["head.bias"]["path_name"] = path;
        config.to_string().into_bytes()
    });
    let said = problem(&file);
    assert!(said.contains("found a part of it in parameter"), "{said}");
}
