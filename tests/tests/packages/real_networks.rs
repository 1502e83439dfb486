//! Trains networks that PyTorch exported (`torch.export`) for other classes, and exports their weights again. The
//! Python model that a network came from must load these weights strictly and compute the same logits.

use std::path::PathBuf;

use serde_json::{Value, json};
use tests::programs::{program, succeed};

use crate::python::Python;
use crate::real_packages::{CLASSES, IMAGENET, Sandbox, explain, train};

/// Exports torchvision's network `name` from Python, imports it, and imports its state dict for it, which must give the
/// same tensors. Then trains it on the synthetic scenes, and compares the
/// run's logits with those of torchvision's network with the scenes' number of classes and the run's weights. The
/// function `logits` of `exchange.py` makes the comparison and fails where they differ by more than rounding.
fn exchange(name: &str) {
    let Some(mut python) = Python::start(name) else {
        return;
    };
    let sandbox = Sandbox::new(name);
    let file = python.ask("export", json!([name, IMAGENET, sandbox.0]));
    let file = PathBuf::from(file.as_str().unwrap());
    let network = sandbox.path("network.safetensors");
    let mut import = program("trainer");
    import.arg("import").arg(&file).arg("--out").arg(&network);
    let said = succeed(&mut import).stderr;
    assert!(said.contains("1000 classes, mid1 = "), "{said}");

    let again = sandbox.path("again.safetensors");
    let mut import = program("trainer");
    import
        .arg("import")
        .arg(file.with_extension("pth"))
        .arg("--backbone")
        .arg(&network);
    succeed(import.arg("--out").arg(&again));
    let n_tensors = python.ask("equal", json!([again, network]));
    assert!(n_tensors.as_u64() > Some(100), "{n_tensors}");

    let run = train(&sandbox, network.to_str().unwrap(), &network);
    let weights = sandbox.path("exported.safetensors");
    let mut export = program("trainer");
    export.arg("export").arg("--run").arg(&run);
    succeed(export.arg("--out").arg(&weights));
    // Explaining the run must work without the imported file, which is therefore removed.
    fs_err::remove_file(&network).unwrap();
    let predictions = explain(&sandbox, "--run", &run);
    let backbone = format!("exported {name}");
    let arguments = json!([
        backbone,
        CLASSES,
        weights,
        sandbox.path("data"),
        predictions
    ]);
    let found: Value = python.ask("logits", arguments);
    println!("{name}: error, torch's own, largest logit: {found}");
    sandbox.remove();
}

/// This network has batch norms, which count batches in integer tensors (`num_batches_tracked`).
#[test]
fn a_network_with_counters_is_given_back() {
    exchange("shufflenet_v2_x0_5");
}

/// This network, a Swin transformer, has integer tensors of relative positions (`relative_position_index`).
#[test]
fn a_network_with_tables_of_indices_is_given_back() {
    exchange("swin_t");
}
