//! Compares with values recorded from the paper's official implementation: localization losses on given maps; and,
//! for all its ResNets filled by the weight recipe of `tests/fixtures/golden/README.md`, the logits, maps,
//! losses and gradients of the guided loss. Networks that it lacks are compared with torchvision or the
//! `bcos` package. All is in float64, where rounding differs too little between processors to matter;
//! `float32.rs` compares float32 with float64.
#![allow(clippy::unwrap_used)]

mod support;

use std::collections::HashMap;

use data_prep::geometry::Grid;
use support::{
    device, fixture, load_buffers, masks, named, recipe_input, recipe_model, relative, scalar,
    tensors,
};
use tch::{Device, Kind, Tensor};
use trainer::explain::attribution::{Attribution, Explainable};
use trainer::explain::gradients::Order;
use trainer::explain::methods::bcos::BCOS;
use trainer::explain::methods::gradcam::GRADCAM;
use trainer::explain::methods::ixg::IXG;
use trainer::guide::loss::{LocalizationLoss, Loss};
use trainer::guide::losses::energy::ENERGY;
use trainer::guide::losses::l1::L1;
use trainer::guide::losses::ppce::PPCE;
use trainer::guide::losses::rrr::RRR;
use trainer::guide::objective::{self, LocalizationTerm, MaskTargets};
use trainer::names::Layer;
use trainer::network::{Backbone, Mode};

/// Our loss, its name in the recording, and the λ it was recorded with.
const LOSSES: [(LocalizationLoss, &str, f64); 4] = [
    (ENERGY, "Energy", 0.1),
    (L1, "L1", 0.1),
    (PPCE, "PPCE", 0.01),
    (RRR, "RRR", 0.001),
];
/// Our layer and its name in the recording.
const LAYERS: [(Layer, &str); 5] = [
    (Layer::Input, "Input"),
    (Layer::Mid1, "Mid1"),
    (Layer::Mid2, "Mid2"),
    (Layer::Mid3, "Mid3"),
    (Layer::Final, "Final"),
];
/// Our attribution method and its name in the recording.
const METHODS: [(Attribution, &str); 3] = [(IXG, "IxG"), (GRADCAM, "GradCam"), (BCOS, "BCos")];

/// Reads a recording.
fn golden(name: &str) -> HashMap<String, Tensor> {
    tensors(&format!("golden/{name}"))
}

/// The losses of ten given maps, and the norm and the sum of their gradients at the map.
#[test]
fn localization_losses_and_their_gradients() {
    let values = golden("losses_and_metrics.safetensors");
    let mut cases: Vec<&str> = values
        .keys()
        .filter_map(|key| key.strip_suffix("/map"))
        .collect();
    cases.sort_unstable();
    assert_eq!(cases.len(), 10, "{cases:?}");
    for case in cases {
        let get = |key: &str| &values[&format!("{case}/{key}")];
        let boxes = Vec::<i64>::try_from(get("boxes").flatten(0, 1)).unwrap();
        let boxes = boxes
            .chunks(4)
            .map(|b| [b[0] as i32, b[1] as i32, b[2] as i32, b[3] as i32])
            .collect();
        let masks = masks(
            &[boxes],
            Grid {
                height: 224,
                width: 224,
            },
        );
        for (loss, name, _) in LOSSES {
            let map = get("map")
                .to_device(device())
                .to_kind(Kind::Double)
                .unsqueeze(0)
                .set_requires_grad(true);
            let value = Loss::new(loss, &[])
                .unwrap()
                .values(&map, &masks, &[])
                .unwrap()
                .sum(None);
            let gradient = Tensor::run_backward(&[&value], &[&map], false, false).remove(0);
            let found = [
                scalar(&value),
                scalar(&gradient.square().sum(None).sqrt()),
                scalar(&gradient.sum(None)),
            ];
            let keys = ["loss", "loss_grad_norm", "loss_grad_sum"];
            for (key, found) in keys.into_iter().zip(found) {
                assert!(found.is_finite(), "{case} {name} {key}: {found}");
                let expected = scalar(get(&format!("{key}/{name}")));
                // Where the official code gives NaN, ours need only be finite.
                if expected.is_finite() {
                    let scale = if key == "loss_grad_sum" {
                        scalar(get(&format!("loss_grad_norm/{name}")))
                    } else {
                        expected
                    };
                    let tolerance = 1e-6 * scale.abs().max(expected.abs()) + 1e-9;
                    assert!(
                        (found - expected).abs() <= tolerance,
                        "{case} {name} {key}: found {found}, expected {expected}"
                    );
                }
            }
        }
    }
}

/// The largest relative difference from the recording.
const TOLERANCE: f64 = 1e-6;

/// Compares logits and maps in evaluation mode, at every layer and by every method recorded; returns how many
/// maps were compared.
fn logits_and_maps(name: &str, backbone: Backbone, size: u64) -> usize {
    let values = golden(&format!("{name}.safetensors"));
    let model = recipe_model(backbone, 20, Kind::Double);
    load_buffers(&model, &values);
    let input = recipe_input(&model, 3, size);
    let pairs = [(0, 3), (1, 14), (2, 5)];
    let mut checked = 0;
    for (layer, layer_name) in LAYERS {
        for (method, method_name) in METHODS {
            let key = format!("eval/{layer_name}/{method_name}");
            let Some(sum) = values.get(&format!("{key}/map_sum")) else {
                continue; // GradCAM at the input: the official code does not have it
            };
            let features = tch::no_grad(|| model.features(&input, layer, Mode::Eval)).unwrap();
            let explainable =
                Explainable::new(&model, method, layer, &features, Mode::Eval, Order::First)
                    .unwrap();
            let difference = relative(explainable.logits(), &values["eval/logits"]);
            assert!(
                difference < TOLERANCE,
                "{name}: logits from {layer}: {difference:e}"
            );
            let maps = explainable.maps(&pairs).unwrap();
            if let Some(expected) = values.get(&format!("{key}/map_native")) {
                let difference = relative(&maps, expected);
                assert!(
                    difference < TOLERANCE,
                    "{name}: {method} at {layer}: {difference:e}"
                );
            }
            // A sum of values of both signs can be close to 0, so it is compared relative to the sum of
            // absolute values (which is 0 where GradCAM's map is).
            let absolute = maps.abs().sum(None);
            let sums = maps.sum_dim_intlist([1i64, 2].as_slice(), false, Kind::Double);
            let difference = scalar(&(sums.to_device(Device::Cpu) - sum).abs().max());
            assert!(
                difference <= TOLERANCE * scalar(&absolute),
                "{name}: sum of {method} at {layer}: {difference:e}"
            );
            checked += 1;
        }
    }
    checked
}

/// Compares both terms of the guided loss in training mode, and the norm and sum of its gradient at every
/// parameter; returns how many guided losses were compared.
fn guided_losses_and_gradients(name: &str, backbone: Backbone, size: u64) -> usize {
    let values = golden(&format!("{name}.safetensors"));
    let parameters =
        std::fs::read_to_string(fixture(&format!("golden/{name}.parameters.txt"))).unwrap();
    let parameters: Vec<&str> = parameters.lines().collect();
    let targets = Tensor::zeros([3, 20], (Kind::Double, device()));
    for (image, class) in [(0, 3), (0, 7), (1, 14), (2, 5)] {
        let _ = targets.get(image).get(class).fill_(1.0);
    }
    let boxes = [
        vec![[10, 20, 90, 100], [60, 5, 120, 70]],
        vec![[0, 0, 127, 127]],
    ];
    // The boxes above are in pixels of 128×128.
    let scaled = |coordinate: i32| coordinate * size as i32 / 128;
    let boxes = boxes.map(|boxes| boxes.into_iter().map(|b| b.map(scaled)).collect());
    let grid = Grid::square(size as usize);
    let mask_targets = MaskTargets {
        pairs: vec![(0, 3), (1, 14), (2, 5)],
        annotated: vec![0, 1],
        masks: masks(&boxes, grid),
        areas: Vec::new(),
    };
    let mut checked = 0;
    for (layer, layer_name) in LAYERS {
        for (attribution, method_name) in METHODS {
            for (loss, loss_name, lambda) in LOSSES {
                let get = |key: &str| {
                    values.get(&format!(
                        "train/{layer_name}/{method_name}/{loss_name}/{key}"
                    ))
                };
                let Some(expected) = get("loss_localization") else {
                    continue;
                };
                let model = recipe_model(backbone, 20, Kind::Double);
                let input = recipe_input(&model, 3, size);
                let term = LocalizationTerm {
                    attribution,
                    layer,
                    loss: Loss::new(loss, &[]).unwrap(),
                    lambda,
                };
                let terms =
                    objective::guided(&model, &input, &targets, &term, &mask_targets).unwrap();
                let what = format!("{name}: {loss} {attribution}@{layer}");
                let difference = relative(&terms.class, get("loss_class").unwrap());
                assert!(difference < TOLERANCE, "{what}: class loss {difference:e}");
                let difference = relative(terms.localization.as_ref().unwrap(), expected);
                assert!(
                    difference < TOLERANCE,
                    "{what}: localization loss {difference:e}"
                );
                let tensors: Vec<Tensor> = parameters
                    .iter()
                    .map(|name| {
                        let entries = model.params.entries();
                        let entry = entries.iter().find(|p| p.name == *name).unwrap();
                        entry.tensor.shallow_clone()
                    })
                    .collect();
                let gradients = Tensor::run_backward(&[&terms.total], &tensors, false, false);
                for (key, values) in [
                    ("grad_norm", norms(&gradients)),
                    ("grad_sum", sums(&gradients)),
                ] {
                    let difference = relative(&values, get(key).unwrap());
                    assert!(difference < TOLERANCE, "{what}: {key} {difference:e}");
                }
                checked += 1;
            }
        }
    }
    checked
}

/// Returns the norm of each tensor.
fn norms(tensors: &[Tensor]) -> Tensor {
    let values: Vec<f64> = tensors
        .iter()
        .map(|t| scalar(&t.square().sum(None).sqrt()))
        .collect();
    Tensor::from_slice(&values)
}

/// Returns the sum of each tensor.
fn sums(tensors: &[Tensor]) -> Tensor {
    let values: Vec<f64> = tensors.iter().map(|t| scalar(&t.sum(None))).collect();
    Tensor::from_slice(&values)
}

/// Compares a network with the official implementation; `expected` is how many maps and guided losses were
/// recorded, so that none is skipped unnoticed.
fn network(name: &str, backbone: Backbone, expected: (usize, usize)) {
    let maps = logits_and_maps(name, backbone, 128);
    let losses = guided_losses_and_gradients(name, backbone, 128);
    assert_eq!((maps, losses), expected);
}

/// Compares a network of torchvision that the official implementation lacks; `torchvision_networks.py` recorded four
/// maps and two guided losses of each.
fn of_torchvision(name: &str) {
    let maps = logits_and_maps(name, named(name), 64);
    let losses = guided_losses_and_gradients(name, named(name), 64);
    assert_eq!((maps, losses), (4, 2));
}

/// Compares a network that only the `bcos` package has with what the package computes, as `bcos_package.py` recorded
/// it.
fn of_the_package(name: &str, backbone: Backbone) {
    let values = golden(&format!("{name}.safetensors"));
    let model = recipe_model(backbone, 10, Kind::Double);
    load_buffers(&model, &values);
    let input = recipe_input(&model, 2, 64);
    // Logits without their constant bias, −6.9: relative to it, differences would seem small.
    let bias = (0.001f64 / 0.999).ln();
    let expected = &values["eval/logits"] - bias;
    let mut sums = Vec::new();
    for (layer, _) in LAYERS {
        let features = tch::no_grad(|| model.features(&input, layer, Mode::Eval)).unwrap();
        let (method, order) = (BCOS, Order::First);
        let explainable =
            Explainable::new(&model, method, layer, &features, Mode::Eval, order).unwrap();
        let difference = relative(&(explainable.logits() - bias), &expected);
        // The package computes the transformers' position codes in float32.
        assert!(difference < 1e-7, "{name}: logits: {difference:e}");
        let maps = explainable.maps(&[(0, 3), (1, 7)]).unwrap();
        if layer == Layer::Input {
            let difference = relative(&maps, &values["eval/Input/BCos/map_native"]);
            assert!(difference < 1e-6, "{name}: maps: {difference:e}");
        }
        sums.push(maps.sum_dim_intlist([1i64, 2].as_slice(), false, Kind::Double));
    }
    // Completeness (docs/SPEC.md J.2): at every layer the map sums to the logit without its bias. Tested here for
    // the DenseNet; `axioms.rs` tests every B-cos network.
    let chosen = [expected.get(0).get(3), expected.get(1).get(7)];
    let chosen = Tensor::stack(&chosen, 0);
    if backbone == named("bcos_densenet121") {
        for (sum, (layer, _)) in sums.iter().zip(LAYERS) {
            let difference = relative(sum, &chosen);
            assert!(
                difference < 1e-8,
                "{name}: completeness at {layer}: {difference:e}"
            );
        }
    }
}

#[test]
fn bcos_densenet121() {
    of_the_package("bcos_densenet121", named("bcos_densenet121"));
}

#[test]
fn bcos_simple_vit_s() {
    of_the_package("bcos_simple_vit_s", named("bcos_simple_vit_s"));
}

#[test]
fn bcos_vitc_s() {
    of_the_package("bcos_vitc_s", named("bcos_vitc_s"));
}

#[test]
fn vanilla_resnet18() {
    network("vanilla_resnet18", named("resnet18"), (9, 15));
}

#[test]
fn vanilla_resnet50() {
    network("vanilla_resnet50", named("resnet50"), (9, 15));
}

#[test]
fn xdnn_resnet18() {
    network("xdnn_resnet18", named("xdnn_resnet18"), (9, 15));
}

#[test]
fn xdnn_resnet50() {
    network("xdnn_resnet50", named("xdnn_resnet50"), (9, 15));
}

#[test]
fn bcos_resnet18() {
    network("bcos_resnet18", named("bcos_resnet18"), (5, 4));
}

#[test]
fn bcos_resnet50() {
    network("bcos_resnet50", named("bcos_resnet50"), (5, 4));
}

#[test]
fn resnet34() {
    of_torchvision("resnet34");
}

#[test]
fn resnet101() {
    of_torchvision("resnet101");
}

#[test]
fn bcos_resnet34() {
    of_the_package("bcos_resnet34", named("bcos_resnet34"));
}

#[test]
fn bcos_resnet101() {
    of_the_package("bcos_resnet101", named("bcos_resnet101"));
}

#[test]
fn convnext_tiny() {
    of_torchvision("convnext_tiny");
}
