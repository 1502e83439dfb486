//! Compares networks that PyTorch exported (torchvision's and timm's, with random weights) with PyTorch itself, in
//! float64: logits, Input × Gradient at their modules, and the gradients of a loss on these maps, for which the
//! network is differentiated twice; for some also the weights and running statistics after ten steps of Adam.
//! `tests/python/export_networks.py` makes the networks (`NAME.pt2`) and PyTorch's values (`NAME.safetensors`).
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
use trainer::train::adam::{Adam, WeightDecay};
use trainer::weights::checkpoint;
use trainer::weights::network::{NetworkOptions, open};

/// The pairs (image of the batch, class) that the Python script explains.
const CLASSES: [(i64, i64); 2] = [(0, 1), (1, 3)];

/// The number of steps of Adam that the script makes.
const STEPS: usize = 10;
/// The script's learning rate.
const LEARNING_RATE: f64 = 1e-3;

/// The layers after the input, in order.
const LAYERS: [Layer; 4] = [Layer::Mid1, Layer::Mid2, Layer::Mid3, Layer::Final];

/// Returns the largest difference of two tensors, relative to the largest absolute value of the expected one.
fn apart(found: &Tensor, expected: &Tensor) -> f64 {
    assert_eq!(found.size(), expected.size());
    let scale = expected.abs().max().double_value(&[]).max(1e-300);
    (found - expected).abs().max().double_value(&[]) / scale
}

/// Compares the network `name` in `folder` with PyTorch's values.
fn compare(folder: &Path, name: &str) {
    let (reference, _) = checkpoint::load(&folder.join(format!("{name}.safetensors"))).unwrap();
    let expected = |key: &str| {
        let found = reference.iter().find(|(known, _)| known == key);
        found
            .unwrap_or_else(|| panic!("{name}: no {key}"))
            .1
            .shallow_clone()
    };
    let modules = reference
        .iter()
        .filter_map(|(key, _)| key.strip_prefix("map."));
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
    modules
        .sort_by_key(|module| place(module).unwrap_or_else(|| panic!("{name}: no layer {module}")));
    // The last module becomes `final`, the one before it `mid3`, and so on.
    let layers = LAYERS[LAYERS.len() - modules.len()..].iter().copied();
    let options = NetworkOptions {
        layer: layers
            .zip(modules.iter().map(|module| (*module).to_owned()))
            .collect(),
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
    guided_loss(&model, first, &input).backward();
    let mut worst = (0.0, String::new());
    let gradients: Vec<(String, Tensor)> = model
        .params
        .entries()
        .iter()
        .filter(|param| param.is_trained)
        .map(|param| (param.name.clone(), param.tensor.grad()))
        .collect();
    let scale = |key: &str| {
        expected(&format!("gradient.{key}"))
            .abs()
            .max()
            .double_value(&[])
    };
    let largest = gradients
        .iter()
        .map(|(key, _)| scale(key))
        .fold(0.0, f64::max);
    for (key, gradient) in &gradients {
        let expected = expected(&format!("gradient.{key}"));
        let gradient = match gradient.defined() {
            true => gradient.shallow_clone(),
            false => expected.zeros_like(),
        };
        // The gradient of some parameters, such as biases before norms, consists of rounding errors alone.
        let own = expected.abs().max().double_value(&[]).max(1e-6 * largest);
        let apart = (&gradient - &expected).abs().max().double_value(&[]) / own;
        assert!(apart.is_finite(), "{name}: {key}: {apart}");
        if apart > worst.0 {
            worst = (apart, key.clone());
        }
    }
    assert!(
        !gradients.is_empty() && worst.0 > 0.0,
        "{name}: nothing was compared"
    );
    println!(
        "{name}: gradients {:e} apart at most, of {}",
        worst.0, worst.1
    );
    assert!(worst.0 < 1e-6, "{name}: {}: {:e}", worst.1, worst.0);
    if reference.iter().any(|(key, _)| key.starts_with("after.")) {
        let is_rounding = |key: &str| scale(key) < 1e-9 * largest;
        let rounding: Vec<&str> = gradients
            .iter()
            .map(|(key, _)| key.as_str())
            .filter(|key| is_rounding(key))
            .collect();
        train(
            name,
            &model,
            first,
            &input,
            &|key| match rounding.contains(&key) {
                true => None,
                false => Some(expected(&format!("after.{key}"))),
            },
        );
    }
}

/// The Python script's loss: the sum of squared maps, whose gradient needs second derivatives, plus Σ softplus of the
/// logits.
fn guided_loss(model: &Model, layer: Layer, input: &Tensor) -> Tensor {
    let ixg: Attribution = "ixg".parse().unwrap();
    let features = model.features(input, layer, Mode::Train).unwrap();
    let explainable =
        Explainable::new(model, ixg, layer, &features, Mode::Train, Order::Second).unwrap();
    let maps = explainable.maps(&CLASSES).unwrap();
    maps.square().sum(Kind::Double) + explainable.logits().softplus().sum(Kind::Double)
}

/// Makes the script's steps of Adam and compares the weights and running statistics with `expected`. That gives
/// `None` for weights whose gradient consists of rounding errors alone: Adam makes whole steps of these too.
fn train(
    name: &str,
    model: &Model,
    layer: Layer,
    input: &Tensor,
    expected: &dyn Fn(&str) -> Option<Tensor>,
) {
    // The guided loss was computed once before this, in training mode, so the running statistics have seen the
    // batch once already, as in Python.
    let mut adam = Adam::new(model.params.trained(), WeightDecay::NONE).unwrap();
    for _ in 0..STEPS {
        let loss = guided_loss(model, layer, input);
        adam.step(&loss, LEARNING_RATE).unwrap();
    }
    let mut worst = (0.0, String::new());
    for param in model.params.entries() {
        if let Some(expected) = expected(&param.name) {
            let apart = apart(&param.tensor.detach(), &expected);
            assert!(apart.is_finite(), "{name}: {}", param.name);
            if apart > worst.0 {
                worst = (apart, param.name.clone());
            }
        }
    }
    println!(
        "{name}: after {STEPS} steps {:e} apart at most, of {}",
        worst.0, worst.1
    );
    assert!(
        worst.0 > 0.0 && worst.0 < 1e-6,
        "{name}: {}: {:e}",
        worst.1,
        worst.0
    );
}

/// Compares networks that the script exports now, or, where `GUIDANCE_EXPORTED` names a folder, those that it
/// exported there earlier.
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
                let done = command
                    .arg(&script)
                    .arg(folder.path())
                    .arg(name)
                    .output()
                    .unwrap();
                let said = String::from_utf8_lossy(&done.stderr);
                assert!(done.status.success(), "{name}: {said}");
                folder.path()
            }
        };
        compare(folder, name);
    }
}

/// The check that runs all other tests skips these by this module's name, as they need large Python packages; a
/// check of their own runs them (`PACKAGES`, `OF_PACKAGES` in xtask/src/develop/test/checks.rs).
mod real_networks {
    use super::exported;

    #[test]
    fn resnets() {
        exported(&[
            "torchvision.resnet18",
            "torchvision.resnext50_32x4d",
            "timm.resnet50d",
        ]);
    }

    #[test]
    fn dense_connections() {
        exported(&["torchvision.densenet121"]);
    }

    #[test]
    fn mobile_networks() {
        exported(&[
            "torchvision.mobilenet_v3_small",
            "torchvision.efficientnet_b0",
            "timm.efficientnet_lite0",
        ]);
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
}
