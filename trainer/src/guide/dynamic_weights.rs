//! Tests that the localization loss of a B-cos network has the right gradient. Dynamic weights are those that the
//! network computes from its input; the loss's gradient would be wrong if they were left out of the graph, as
//! the published package leaves them out (docs/SPEC.md J.7).
#![allow(clippy::unwrap_used)]

use tch::{Device, Kind, Tensor};

use crate::explain::methods::bcos::BCOS;
use crate::guide::loss::Loss;
use crate::guide::losses::energy::ENERGY;
use crate::guide::objective::{self, LocalizationTerm, MaskTargets};
use crate::names::Layer;
use crate::network::Model;
use crate::network::bcos::IS_DETACHED;
use crate::random;

/// The step of the numeric derivative, along the direction; in 64 bits its error is far below the test's 1e-5.
const STEP: f64 = 1e-6;
/// The same for networks with ReLU, whose maps jump where a unit switches (`tests/second_order.rs`), and the error
/// that rounding then makes.
const STEP_WITH_RELU: f64 = 1e-9;
const ROUNDING: f64 = 1e-3;

/// Returns fixed numbers in 0–1.
fn uniform(name: &str, shape: &[i64]) -> Tensor {
    let count = shape.iter().product::<i64>() as u64;
    let stream = random::fnv1a(name.as_bytes());
    let values: Vec<f64> = (0..count).map(|i| random::unit(stream, i)).collect();
    Tensor::from_slice(&values).view(shape)
}

/// Computes the localization loss of two fixed images with fixed masks.
fn localization(model: &Model, layer: Layer) -> Tensor {
    let input = model
        .backbone
        .encoding
        .encode(&uniform("images", &[2, 3, 32, 32]))
        .unwrap();
    let targets = Tensor::zeros([2, 3], (Kind::Double, Device::Cpu));
    let masks = uniform("masks", &[2, 32, 32]).ge(0.5).to_kind(Kind::Double);
    let term = LocalizationTerm {
        attribution: BCOS,
        layer,
        loss: Loss::new(ENERGY, &[]).unwrap(),
        lambda: 1.0,
    };
    let mask_targets = MaskTargets {
        pairs: vec![(0, 1), (1, 2)],
        annotated: vec![0, 1],
        masks,
        areas: Vec::new(),
    };
    let terms = objective::guided(model, &input, &targets, &term, &mask_targets).unwrap();
    terms.localization.unwrap()
}

/// Returns the slope of the loss in the weights along `direction`, by the gradient.
fn analytic(model: &Model, layer: Layer, direction: &[Tensor]) -> f64 {
    let loss = localization(model, layer);
    let gradients = Tensor::run_backward(&[&loss], &model.params.trained(), false, false);
    let defined = gradients.iter().zip(direction).filter(|(g, _)| g.defined());
    defined
        .map(|(gradient, direction)| (gradient * direction).sum(None).double_value(&[]))
        .sum()
}

/// Returns the slope of the loss in the weights along `direction`, by differences of the loss.
fn numeric(model: &Model, layer: Layer, direction: &[Tensor], step: f64) -> f64 {
    let weights: Vec<Tensor> = model.params.trained();
    let at: Vec<Tensor> = weights.iter().map(|t| t.detach().copy()).collect();
    let moved = |step: f64| {
        tch::no_grad(|| {
            for ((weight, at), direction) in weights.iter().zip(&at).zip(direction) {
                weight.shallow_clone().copy_(&(at + direction * step));
            }
        });
        localization(model, layer).double_value(&[])
    };
    let slope = (moved(step) - moved(-step)) / (2.0 * step);
    moved(0.0);
    slope
}

/// With dynamic weights in the graph (attached), the slope by the gradient must be the numeric one to within 1e-5
/// of it; with dynamic weights as constants (detached), it must differ by over 10 %.
#[test]
fn guiding_needs_dynamic_weights_in_the_graph() {
    for (backbone, layer, progress) in [
        ("bcos_resnet18", Layer::Input, 1.0),
        ("bcos_resnet18", Layer::Mid2, 1.0),
        ("bcos_simple_vit_s", Layer::Input, 1.0),
        ("bcosified_resnet18", Layer::Input, 0.6),
        ("bcosified_resnet18", Layer::Input, 1.0),
    ] {
        let model = Model::new(backbone.parse().unwrap(), 3, 0, Device::Cpu, Kind::Double).unwrap();
        model.bcosify(progress).unwrap();
        let entries = model.params.entries().iter().filter(|p| p.is_trained);
        let direction: Vec<Tensor> = entries
            .map(|p| {
                let size = p.tensor.detach().square().mean(None).sqrt();
                (uniform(&p.name, &p.tensor.size()) * 2.0 - 1.0) * size
            })
            .collect();
        let (step, tolerance) = match model.backbone.is_bcosified {
            true => (STEP_WITH_RELU, ROUNDING),
            false => (STEP, 1e-5),
        };
        let numeric = numeric(&model, layer, &direction, step);
        let attached = analytic(&model, layer, &direction);
        IS_DETACHED.set(true);
        let detached = analytic(&model, layer, &direction);
        IS_DETACHED.set(false);
        println!(
            "{backbone} at {layer}: numeric {numeric:e}, attached {attached:e}, detached {detached:e}"
        );
        let miss = |slope: f64| ((slope - numeric) / numeric).abs();
        assert!(
            miss(attached) < tolerance,
            "{backbone} at {layer}: {attached:e}, numeric {numeric:e}"
        );
        assert!(
            miss(detached) > 0.1,
            "{backbone} at {layer}: {detached:e} although detached, numeric {numeric:e}"
        );
    }
}
