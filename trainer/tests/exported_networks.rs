//! Networks that PyTorch exports (torchvision's and timm's, with random weights) against PyTorch itself, in
//! float64: logits, Input × Gradient at their modules, and the gradients of a guided loss, for which the
//! network is differentiated twice. `tests/python/export_networks.py` makes the files.
//!
//! `GUIDANCE_TORCH_PYTHON` is a Python interpreter with the packages of
//! `tests/python/torch-requirements.txt`; `cargo xtask test` installs one. Without it the tests are skipped.
#![allow(clippy::unwrap_used)]

use std::path::Path;
use std::process::Command;

use tch::{Device, Kind, Tensor};
use trainer::explain::attribution::{Attribution, Explainable};
use trainer::explain::gradients::Order;
use trainer::names::Layer;
use trainer::network::{Mode, Model};
use trainer::weights::checkpoint;
use trainer::weights::network::{NetworkOptions, open};

/// The classes that the Python script explains.
const CLASSES: [(i64, i64); 2] = [(0, 1), (1, 3)];

/// The names of layers behind the input.
const LAYERS: [Layer; 4] = [Layer::Mid1, Layer::Mid2, Layer::Mid3, Layer::Final];

/// Largest difference of two tensors, relative to the largest value of the expected one.
fn apart(found: &Tensor, expected: &Tensor) -> f64 {
    assert_eq!(found.size(), expected.size());
    let scale = expected.abs().max().double_value(&[]).max(1e-300);
    (found - expected).abs().max().double_value(&[]) / scale
}

/// Compares the network `name` in `folder` with what PyTorch says of it.
fn compare(folder: &Path, name: &str) {
    let (reference, _) = checkpoint::load(&folder.join(format!("{name}.safetensors"))).unwrap();
    let expected = |key: &str| {
        let found = reference.iter().find(|(known, _)| known == key);
        found.unwrap_or_else(|| panic!("{name}: no {key}")).1.shallow_clone()
    };
    let modules = reference.iter().filter_map(|(key, _)| key.strip_prefix("map."));
    let mut modules: Vec<&str> = modules.collect();
    let file = folder.join(format!("{name}.pt2"));
    let plain = open(&file, &NetworkOptions::default()).unwrap();
    // The modules in the network's order.
    let place = |module: &str| {
        let is_it = |candidate: &trainer::network::graph::layers::find::Candidate| {
            candidate.module == module || candidate.inner.iter().any(|inner| inner == module)
        };
        plain.candidates.iter().position(is_it)
    };
    modules.sort_by_key(|module| place(module).unwrap_or_else(|| panic!("{name}: no layer {module}")));
    let layers = LAYERS[LAYERS.len() - modules.len()..].iter().copied();
    let options = NetworkOptions {
        layer: layers.zip(modules.iter().map(|module| (*module).to_owned())).collect(),
        ..NetworkOptions::default()
    };
    let network = open(&file, &options).unwrap();
    let k = network.head.n_classes as usize;
    let model = Model::new(network.backbone, k, 0, Device::Cpu, Kind::Double).unwrap();
    model.params.load(&network.tensors, &[], name).unwrap();
    let input = expected("input");
    let ixg: Attribution = "ixg".parse().unwrap();
    for (layer, module) in &options.layer {
        let features = tch::no_grad(|| model.features(&input, *layer, Mode::Eval)).unwrap();
        let explainable =
            Explainable::new(&model, ixg, *layer, &features, Mode::Eval, Order::First).unwrap();
        let logits = apart(explainable.logits(), &expected("logits"));
        assert!(logits < 1e-9, "{name}: logits at {module}: {logits:e}");
        let maps = explainable.maps(&CLASSES).unwrap();
        let maps = apart(&maps, &expected(&format!("map.{module}")));
        assert!(maps < 1e-7, "{name}: maps at {module}: {maps:e}");
    }
    // From the first layer on, so that much of the network is differentiated twice.
    let first = options.layer[0].0;
    let features = model.features(&input, first, Mode::Train).unwrap();
    let explainable =
        Explainable::new(&model, ixg, first, &features, Mode::Train, Order::Second).unwrap();
    let maps = explainable.maps(&CLASSES).unwrap();
    let loss = maps.square().sum(Kind::Double) + explainable.logits().softplus().sum(Kind::Double);
    loss.backward();
    let mut worst = (0.0, String::new());
    let gradients: Vec<(String, Tensor)> = model
        .params
        .entries()
        .iter()
        .filter(|param| param.is_trained)
        .map(|param| (param.name.clone(), param.tensor.grad()))
        .collect();
    let scale = |key: &str| expected(&format!("gradient.{key}")).abs().max().double_value(&[]);
    let largest = gradients.iter().map(|(key, _)| scale(key)).fold(0.0, f64::max);
    for (key, gradient) in &gradients {
        let expected = expected(&format!("gradient.{key}"));
        let gradient = match gradient.defined() {
            true => gradient.shallow_clone(),
            false => expected.zeros_like(),
        };
        // Of some parameters, such as biases before norms, the gradient is rounding alone.
        let own = expected.abs().max().double_value(&[]).max(1e-6 * largest);
        let apart = (&gradient - &expected).abs().max().double_value(&[]) / own;
        assert!(apart.is_finite(), "{name}: {key}: {apart}");
        if apart > worst.0 {
            worst = (apart, key.clone());
        }
    }
    assert!(!gradients.is_empty() && worst.0 > 0.0, "{name}: nothing was compared");
    println!("{name}: gradients {:e} apart at most, of {}", worst.0, worst.1);
    assert!(worst.0 < 1e-6, "{name}: {}: {:e}", worst.1, worst.0);
}

/// Compares networks that are exported now.
fn exported(names: &[&str]) {
    let Ok(python) = std::env::var("GUIDANCE_TORCH_PYTHON") else {
        println!("skipped: GUIDANCE_TORCH_PYTHON is not set");
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let ready = std::env::var("GUIDANCE_EXPORTED");
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/python/export_networks.py");
    for name in names {
        let folder = match &ready {
            Ok(ready) => Path::new(ready),
            Err(_) => {
                let mut command = Command::new(&python);
                let done = command.arg(&script).arg(folder.path()).arg(name).output().unwrap();
                let said = String::from_utf8_lossy(&done.stderr);
                assert!(done.status.success(), "{name}: {said}");
                folder.path()
            }
        };
        compare(folder, name);
    }
}

#[test]
fn resnets() {
    exported(&["torchvision.resnet18", "timm.resnet50d"]);
}

#[test]
fn dense_connections() {
    exported(&["torchvision.densenet121"]);
}

#[test]
fn mobile_networks() {
    exported(&["torchvision.mobilenet_v3_small", "timm.efficientnet_lite0"]);
}

#[test]
fn layer_norms() {
    exported(&["torchvision.convnext_tiny"]);
}

#[test]
fn windows_of_tokens() {
    exported(&["torchvision.swin_t"]);
}

#[test]
fn class_tokens() {
    exported(&["timm.deit_tiny_patch16_224"]);
}
