//! Parity with the official implementation, in float64: localization losses on given maps, and
//! ResNet-18's logits, maps, losses and second-order gradients under the weight recipe
//! (tests/fixtures/golden/README.md).
#![allow(clippy::unwrap_used)]

use std::collections::HashMap;
use std::path::PathBuf;

use data_prep::geometry::{Grid, GridBox, Mask};
use tch::{Device, Kind, Tensor};
use trainer::attribution::{self, Order};
use trainer::backbone::{Mode, Model};
use trainer::checkpoint;
use trainer::loss;
use trainer::names::{Attribution, Backbone, Layer, LocalizationLoss};
use trainer::objective::{self, Explained, Guide};
use trainer::random;

const LOSSES: [(LocalizationLoss, &str, f64); 4] = [
    (LocalizationLoss::Energy, "Energy", 0.1),
    (LocalizationLoss::L1, "L1", 0.1),
    (LocalizationLoss::Ppce, "PPCE", 0.01),
    (LocalizationLoss::Rrr, "RRR", 0.001),
];
const LAYERS: [(Layer, &str); 5] = [
    (Layer::Input, "Input"),
    (Layer::Mid1, "Mid1"),
    (Layer::Mid2, "Mid2"),
    (Layer::Mid3, "Mid3"),
    (Layer::Final, "Final"),
];
const METHODS: [(Attribution, &str); 2] =
    [(Attribution::Ixg, "IxG"), (Attribution::Gradcam, "GradCam")];

fn fixture(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../tests/fixtures/golden")
        .join(name)
}

fn golden(name: &str) -> HashMap<String, Tensor> {
    checkpoint::load(&fixture(name))
        .unwrap()
        .0
        .into_iter()
        .collect()
}

fn scalar(tensor: &Tensor) -> f64 {
    tensor.to_kind(Kind::Double).double_value(&[])
}

/// Largest difference over the largest expected value.
fn relative(found: &Tensor, expected: &Tensor) -> f64 {
    let (found, expected) = (found.to_kind(Kind::Double), expected.to_kind(Kind::Double));
    let scale = expected.abs().max().double_value(&[]).max(1e-12);
    (found - expected).abs().max().double_value(&[]) / scale
}

fn masks(boxes: &[Vec<[i32; 4]>], grid: Grid) -> Tensor {
    let cells: Vec<f64> = boxes
        .iter()
        .flat_map(|boxes| {
            let boxes: Vec<GridBox> = boxes
                .iter()
                .map(|&[x1, y1, x2, y2]| GridBox { x1, y1, x2, y2 })
                .collect();
            Mask::from_boxes(&boxes, grid)
                .cells()
                .iter()
                .map(|&inside| f64::from(u8::from(inside)))
                .collect::<Vec<_>>()
        })
        .collect();
    Tensor::from_slice(&cells).view([boxes.len() as i64, grid.height as i64, grid.width as i64])
}

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
                .to_kind(Kind::Double)
                .unsqueeze(0)
                .set_requires_grad(true);
            let value = loss::localization(loss, &map, &masks).unwrap().sum(None);
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
                // Where the official code gives NaN, finite is all that is asked.
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

/// ResNet-18 with every tensor filled from its name.
fn recipe_model() -> Model {
    let model = Model::new(Backbone::Resnet18, 20, 0, Device::Cpu, Kind::Double);
    for param in model.params.entries() {
        let size = param.tensor.size();
        let stream = random::fnv1a(param.name.as_bytes());
        let fan_in = size[1..].iter().product::<i64>() as f64;
        let is_scale = param.name.ends_with("running_var")
            || (param.name.ends_with("weight") && size.len() == 1);
        let is_shift = param.name.ends_with("running_mean") || param.name.ends_with("bias");
        let values: Vec<f64> = (0..param.tensor.numel() as u64)
            .map(|i| match random::unit(stream, i) {
                u if is_scale => 0.5 + u,
                u if is_shift => 0.1 * (2.0 * u - 1.0),
                u => (2.0 * u - 1.0) * (6.0 / fan_in).sqrt(),
            })
            .collect();
        tch::no_grad(|| {
            param
                .tensor
                .shallow_clone()
                .copy_(&Tensor::from_slice(&values).view(size.as_slice()))
        });
    }
    model
}

/// The recipe's three images, normalised.
fn recipe_input() -> Tensor {
    let stream = random::fnv1a(b"input");
    let mut values = Vec::new();
    for index in 0..3 * 3 * 128 * 128u64 {
        let (x, y, c, b) = (
            index % 128,
            index / 128 % 128,
            index / 16384 % 3,
            index / 49152,
        );
        let turns = ((b + 1) * x) as f64 / 128.0 + ((c + 2) * y) as f64 / 128.0;
        let pattern = 0.5 + 0.5 * (std::f64::consts::TAU * turns).sin();
        values.push((0.3 * random::unit(stream, index) + 0.7 * pattern).clamp(0.0, 1.0));
    }
    let channel = |values: [f64; 3]| Tensor::from_slice(&values).view([1, 3, 1, 1]);
    (Tensor::from_slice(&values).view([3, 3, 128, 128]) - channel([0.485, 0.456, 0.406]))
        / channel([0.229, 0.224, 0.225])
}

#[test]
fn resnet18_logits_and_maps() {
    let (values, model, input) = (
        golden("vanilla_resnet18.safetensors"),
        recipe_model(),
        recipe_input(),
    );
    let classes = Tensor::from_slice(&[3i64, 14, 5]);
    let mut checked = 0;
    for (layer, layer_name) in LAYERS {
        let features = model
            .features(&input, layer, Mode::Eval)
            .unwrap()
            .detach()
            .set_requires_grad(true);
        let logits = model.logits(&features, layer, Mode::Eval).unwrap();
        assert!(
            relative(&logits, &values["eval/logits"]) < 1e-9,
            "logits from {layer}"
        );
        let selected = attribution::select(&logits, &classes).unwrap();
        for (method, method_name) in METHODS {
            let Some(expected) = values.get(&format!("eval/{layer_name}/{method_name}/map_native"))
            else {
                continue; // GradCAM at the input: the official code does not have it
            };
            let maps = attribution::maps(method, &features, &selected, Order::First).unwrap();
            let difference = relative(&maps, expected);
            assert!(difference < 1e-6, "{method} at {layer}: {difference:e}");
            checked += 1;
        }
    }
    assert_eq!(checked, 9);
}

#[test]
fn resnet18_guided_losses_and_second_order_gradients() {
    let values = golden("vanilla_resnet18.safetensors");
    let parameters = std::fs::read_to_string(fixture("vanilla_resnet18.parameters.txt")).unwrap();
    let parameters: Vec<&str> = parameters.lines().collect();
    let input = recipe_input();
    let targets = Tensor::zeros([3, 20], (Kind::Double, Device::Cpu));
    for (image, class) in [(0, 3), (0, 7), (1, 14), (2, 5)] {
        let _ = targets.get(image).get(class).fill_(1.0);
    }
    let boxes = [
        vec![[10, 20, 90, 100], [60, 5, 120, 70]],
        vec![[0, 0, 127, 127]],
    ];
    let explained = Explained {
        pairs: vec![(0, 3), (1, 14), (2, 5)],
        annotated: vec![0, 1],
        masks: masks(
            &boxes,
            Grid {
                height: 128,
                width: 128,
            },
        ),
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
                let model = recipe_model();
                let guide = Guide {
                    attribution,
                    layer,
                    loss,
                    lambda,
                };
                let terms = objective::guided(&model, &input.detach(), &targets, guide, &explained)
                    .unwrap();
                let what = format!("{loss} {attribution}@{layer}");
                assert!(
                    relative(&terms.class, get("loss_class").unwrap()) < 1e-9,
                    "{what}"
                );
                assert!(
                    relative(terms.localization.as_ref().unwrap(), expected) < 1e-7,
                    "{what}"
                );
                let weights: Vec<(&str, Tensor)> = parameters
                    .iter()
                    .map(|&name| {
                        (
                            name,
                            model
                                .params
                                .entries()
                                .iter()
                                .find(|p| p.name == name)
                                .unwrap()
                                .tensor
                                .shallow_clone(),
                        )
                    })
                    .collect();
                let tensors: Vec<&Tensor> = weights.iter().map(|(_, tensor)| tensor).collect();
                let gradients = Tensor::run_backward(&[&terms.total], &tensors, false, false);
                let norms: Vec<f64> = gradients
                    .iter()
                    .map(|g| scalar(&g.square().sum(None).sqrt()))
                    .collect();
                let difference = relative(&Tensor::from_slice(&norms), get("grad_norm").unwrap());
                assert!(
                    difference < 1e-6,
                    "{what}: gradient norms differ by {difference:e}"
                );
                let sums: Vec<f64> = gradients.iter().map(|g| scalar(&g.sum(None))).collect();
                let difference = relative(&Tensor::from_slice(&sums), get("grad_sum").unwrap());
                assert!(
                    difference < 1e-6,
                    "{what}: gradient sums differ by {difference:e}"
                );
                checked += 1;
            }
        }
    }
    assert_eq!(checked, 15);
}
