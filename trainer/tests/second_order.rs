//! Checks the gradient of the guided loss (class loss + λ · localization loss of attribution maps) numerically
//! (docs/SPEC.md J.7). Maps are gradients, so this gradient needs the second derivatives of each operation, which
//! are written in Rust (`network/pass/`) and C++ (`fused/`). It is compared with central differences of the loss,
//! for every family of networks, attribution method, layer and localization loss, and with libtorch's own second
//! derivatives.
//! `guide/dynamic_weights.rs` shows that detaching B-cos's dynamic weights (treating them as constants)
//! would be noticed.
#![allow(clippy::unwrap_used)]

mod support;

use data_prep::geometry::Grid;
use support::{masks, named, recipe_input, recipe_model, relative, uniform};
use tch::{Kind, Tensor};
use trainer::explain::attribution::Attribution;
use trainer::explain::methods::bcos::BCOS;
use trainer::explain::methods::gradcam::GRADCAM;
use trainer::explain::methods::intgrad::INTGRAD;
use trainer::explain::methods::ixg::IXG;
use trainer::guide::loss::{LocalizationLoss, Loss};
use trainer::guide::losses::energy::ENERGY;
use trainer::guide::losses::l1::L1;
use trainer::guide::losses::ppce::PPCE;
use trainer::guide::losses::rrr::RRR;
use trainer::guide::objective::{self, LocalizationTerm, MaskTargets, Terms};
use trainer::names::Layer;
use trainer::network::{Backbone, Mode, Model};

const N_CLASSES: usize = 5;

/// Each loss, with a λ by which it contributes noticeably to the total.
const LOSSES: [(LocalizationLoss, f64); 4] = [(ENERGY, 10.0), (L1, 100.0), (PPCE, 1.0), (RRR, 0.1)];

/// The step of the difference, relative to each tensor's root mean square. A step of 10⁻⁵ would balance rounding
/// and curvature. But the map of a ReLU network jumps where a unit switches: of some 10⁵ units a few always lie
/// within 10⁻⁵ of switching, and next to none within 10⁻⁹. PPCE's logarithm, too, is steep where a pixel is
/// nearly 0.
const STEP: f64 = 1e-9;
/// The step for networks with layer norms: they have no units that switch, and their smaller slopes would be
/// lost in rounding with the small step.
const SMOOTH_STEP: f64 = 1e-7;

/// The largest allowed difference of the numeric from the analytic slope, relative to √Σ (g·d)² (g gradient, d
/// direction, elementwise): the loss's rounding, 10⁻¹⁵ and more in deep networks, divided by the step, and some
/// room.
const TOLERANCE: f64 = 2e-5;

/// The least slope of the localization loss alone, relative to √Σ (g·d)²: a hundred times [`TOLERANCE`], so
/// that a wrong derivative of it would be noticed.
const PART: f64 = 2e-3;

/// A guided loss to check.
#[derive(Clone)]
struct Case {
    term: LocalizationTerm,
    /// Height and width of the images.
    size: u64,
}

/// Returns a case for every loss and each of `maps` (method, layer, image size).
fn cases(maps: &[(Attribution, Layer, u64)]) -> Vec<Case> {
    let with = |&(attribution, layer, size): &(Attribution, Layer, u64)| {
        LOSSES.map(|(loss, lambda)| Case {
            term: LocalizationTerm {
                attribution,
                layer,
                loss: Loss::new(loss, &[]).unwrap(),
                lambda,
            },
            size,
        })
    };
    maps.iter().flat_map(with).collect()
}

/// Returns the cases of each of `attributions` at every layer, on images of 32×32. At the final layer they
/// have 64×64 pixels: the map of a smaller one would be a single number, for which every loss is constant.
fn everywhere(attributions: &[Attribution]) -> Vec<Case> {
    let mut maps = Vec::new();
    for &attribution in attributions {
        for &layer in Layer::ALL {
            let size = if layer == Layer::Final { 64 } else { 32 };
            maps.push((attribution, layer, size));
        }
    }
    cases(&maps)
}

/// Computes the guided loss of three images, the third without boxes.
fn objective(model: &Model, case: &Case) -> Terms {
    let input = recipe_input(model, 3, case.size);
    let targets = Tensor::zeros([3, N_CLASSES as i64], (Kind::Double, input.device()));
    for (image, class) in [(0, 1), (0, 3), (1, 4), (2, 2)] {
        let _ = targets.get(image).get(class).fill_(1.0);
    }
    let part = |sixteenths: i32| sixteenths * case.size as i32 / 16;
    let boxes = [
        vec![
            [part(1), part(2), part(9), part(11)],
            [part(7), part(1), part(14), part(8)],
        ],
        vec![[part(5), part(6), part(16) - 1, part(13)]],
    ];
    let mask_targets = MaskTargets {
        pairs: vec![(0, 3), (1, 4), (2, 2)],
        annotated: vec![0, 1],
        masks: masks(&boxes, Grid::square(case.size as usize)),
        areas: Vec::new(),
    };
    objective::guided(model, &input, &targets, &case.term, &mask_targets).unwrap()
}

/// Returns a random direction for all trained tensors, each part scaled to its tensor's root mean square.
fn direction(model: &Model) -> Vec<Tensor> {
    let trained = model.params.entries().iter().filter(|p| p.is_trained);
    trained
        .map(|param| {
            let size = param.tensor.detach().square().mean(None).sqrt();
            let name = format!("direction of {}", param.name);
            (uniform(&name, &param.tensor.size()) * 2.0 - 1.0) * size
        })
        .collect()
}

/// Returns [total, λ · localization loss] of every case, with the weights moved from `at` by `step` along
/// `direction`.
fn losses(
    model: &Model,
    at: &[Tensor],
    direction: &[Tensor],
    step: f64,
    cases: &[Case],
) -> Vec<[f64; 2]> {
    tch::no_grad(|| {
        for ((mut tensor, at), direction) in
            model.params.trained().into_iter().zip(at).zip(direction)
        {
            tensor.copy_(&(at + direction * step));
        }
    });
    let value = |tensor: &Tensor| tensor.double_value(&[]);
    cases
        .iter()
        .map(|case| {
            let terms = objective(model, case);
            let localization = case.term.lambda * value(terms.localization.as_ref().unwrap());
            [value(&terms.total), localization]
        })
        .collect()
}

/// Asserts for every case that the analytic slope along one direction equals the central difference.
fn derivative(backbone: Backbone, cases: &[Case]) {
    // One thread each, as the tests run in parallel.
    tch::set_num_threads(1);
    let model = recipe_model(backbone, N_CLASSES, Kind::Double);
    let trained = model.params.trained();
    let direction = direction(&model);
    let slopes: Vec<[f64; 2]> = cases
        .iter()
        .map(|case| {
            let terms = objective(&model, case);
            let gradients = Tensor::run_backward(&[&terms.total], &trained, false, false);
            let (mut slope, mut square) = (0.0, 0.0);
            for (gradient, direction) in gradients.iter().zip(&direction) {
                let parts = gradient * direction;
                slope += parts.sum(None).double_value(&[]);
                square += parts.square().sum(None).double_value(&[]);
            }
            [slope, square.sqrt()]
        })
        .collect();
    // Networks without batch norm have layer norms and no ReLUs, except the X-DNNs.
    let is_smooth = !backbone.has_batch_statistics && !backbone.is_homogeneous;
    let step = if is_smooth { SMOOTH_STEP } else { STEP };
    let at: Vec<Tensor> = trained.iter().map(|t| t.detach().copy()).collect();
    let below = losses(&model, &at, &direction, -step, cases);
    let above = losses(&model, &at, &direction, step, cases);
    let mut faults = Vec::new();
    for (index, case) in cases.iter().enumerate() {
        let [slope, scale] = slopes[index];
        let [total, localization] =
            [0, 1].map(|term| (above[index][term] - below[index][term]) / (2.0 * step));
        let LocalizationTerm {
            attribution,
            layer,
            loss,
            ..
        } = &case.term;
        let miss = (total - slope).abs() / scale;
        let part = localization.abs() / scale;
        let line = format!(
            "{backbone}: {loss} {attribution}@{layer}: {slope:e} analytic, {total:e} numeric, {miss:.1e} apart, {part:.1e} by localization"
        );
        println!("{line}");
        // Written so that a NaN is a fault too.
        if !(miss < TOLERANCE && part > PART) {
            faults.push(line);
        }
    }
    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
}

#[test]
fn vanilla_with_batch_statistics() {
    derivative(named("resnet18"), &everywhere(&[IXG, GRADCAM]));
}

#[test]
fn xdnn() {
    derivative(named("xdnn_resnet18"), &everywhere(&[INTGRAD, GRADCAM]));
}

#[test]
fn bcos() {
    derivative(named("bcos_resnet18"), &everywhere(&[BCOS]));
}

/// IxG and GradCAM on B-cos networks use libtorch's own backward pass, not that of the dynamic weights.
#[test]
fn true_gradient_of_bcos() {
    derivative(named("bcos_resnet18"), &everywhere(&[IXG, GRADCAM]));
}

/// Depthwise convolutions, "SAME" padding, ReLU6.
#[test]
fn efficientnet_lite0() {
    derivative(
        named("efficientnet_lite0"),
        &cases(&[
            (IXG, Layer::Input, 64),
            (GRADCAM, Layer::Mid1, 64),
            (IXG, Layer::Mid2, 64),
            (IXG, Layer::Mid3, 64),
            (GRADCAM, Layer::Final, 64),
        ]),
    );
}

#[test]
fn bcos_densenet121() {
    derivative(
        named("bcos_densenet121"),
        &cases(&[
            (BCOS, Layer::Input, 32),
            (BCOS, Layer::Mid3, 32),
            (BCOS, Layer::Final, 64),
        ]),
    );
}

/// Layer norms, attention, B-cos linear layers.
#[test]
fn bcos_simple_vit_s() {
    derivative(
        named("bcos_simple_vit_s"),
        &cases(&[
            (BCOS, Layer::Input, 32),
            (BCOS, Layer::Mid1, 48),
            (BCOS, Layer::Final, 32),
        ]),
    );
}

/// The same layers after a stem of convolutions with layer norms.
#[test]
fn bcos_vitc_s() {
    derivative(
        named("bcos_vitc_s"),
        &cases(&[(BCOS, Layer::Input, 32), (BCOS, Layer::Mid3, 48)]),
    );
}

/// In networks without dynamic weights, our backward pass (a chain of linear maps) must give the gradient
/// that libtorch's gives, up to rounding, in training mode with batch statistics. The same holds for the
/// derivatives of that gradient with respect to the features and every weight.
#[test]
fn the_chain_is_libtorchs_backward_pass() {
    tch::set_num_threads(1);
    for backbone in [
        named("resnet18"),
        named("xdnn_resnet18"),
        named("efficientnet_lite0"),
    ] {
        let model = recipe_model(backbone, N_CLASSES, Kind::Double);
        let input = recipe_input(&model, 3, 64);
        let cotangent = uniform("cotangent", &[3, N_CLASSES as i64]) - 0.5;
        for &layer in Layer::ALL {
            let features = tch::no_grad(|| model.features(&input, layer, Mode::Train)).unwrap();
            let features = features.set_requires_grad(true);
            let record = model.record(&features, layer, Mode::Train).unwrap();
            let chain = record.gradient(&cotangent).unwrap();
            let logits = model.logits(&features, layer, Mode::Train).unwrap();
            let selected = (logits * &cotangent).sum(None);
            let autograd = Tensor::run_backward(&[&selected], &[&features], true, true).remove(0);
            let first = relative(&chain, &autograd);
            assert!(first < 1e-12, "{backbone}: gradient at {layer}: {first:e}");

            let probe = uniform("probe", &chain.size()) - 0.5;
            let mut names = vec!["features"];
            let mut inputs = vec![features.shallow_clone()];
            for param in model.params.entries().iter().filter(|p| p.is_trained) {
                names.push(&param.name);
                inputs.push(param.tensor.shallow_clone());
            }
            // Where the gradient does not depend on a tensor, one way gives an undefined tensor, the other
            // may give zeros.
            let second = |gradient: &Tensor| -> Vec<Tensor> {
                let sum = (gradient * &probe).sum(None);
                let gradients = Tensor::run_backward(&[&sum], &inputs, true, false);
                let zeros = inputs.iter().map(Tensor::zeros_like);
                let defined = gradients.into_iter().zip(zeros);
                defined
                    .map(|(gradient, zero)| if gradient.defined() { gradient } else { zero })
                    .collect()
            };
            let (chain, autograd) = (second(&chain), second(&autograd));
            let size = |tensor: &Tensor| tensor.abs().max().double_value(&[]);
            let largest = autograd.iter().map(size).fold(0.0, f64::max);
            let mut n_compared = 0;
            for ((found, expected), name) in chain.iter().zip(&autograd).zip(names) {
                let difference = size(&(found - expected));
                assert!(
                    difference < 1e-10 * size(expected).max(1e-3 * largest),
                    "{backbone}: second derivative at {name}, explained at {layer}: {difference:e}"
                );
                n_compared += i64::from(size(expected) > 0.0);
            }
            assert!(n_compared > 0, "{backbone} at {layer}: nothing to compare");
        }
    }
}
