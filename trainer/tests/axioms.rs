//! What explanations must add up to (SPEC J.1, J.2): contributions sum to the logit but for its bias,
//! X-DNNs are homogeneous, and integrated gradients are the integral they stand for. In float64, to
//! rounding.
#![allow(clippy::unwrap_used)]

mod support;

use support::{load_buffers, recipe_input, recipe_model, relative, tensors};
use tch::{Kind, Tensor};
use trainer::explain::attribution::{Attribution, Explainable};
use trainer::explain::gradients::Order;
use trainer::explain::methods::bcos::BCOS;
use trainer::explain::methods::intgrad::INTGRAD;
use trainer::names::Layer;
use trainer::network::{Backbone, Mode, Model};

const N_CLASSES: usize = 5;
const PAIRS: [(i64, i64); 3] = [(0, 3), (1, 4), (2, 0)];

fn features(model: &Model, layer: Layer, mode: Mode) -> Tensor {
    let input = recipe_input(model, 3, 64);
    tch::no_grad(|| model.features(&input, layer, mode)).unwrap()
}

/// Maps of [`PAIRS`], and the logits they explain (3).
fn explained(
    model: &Model,
    attribution: Attribution,
    layer: Layer,
    features: &Tensor,
    mode: Mode,
) -> (Tensor, Tensor) {
    let explainable =
        Explainable::new(model, attribution, layer, features, mode, Order::First).unwrap();
    let maps = explainable.maps(&PAIRS).unwrap();
    (maps, chosen(explainable.logits()))
}

/// The logits of [`PAIRS`].
fn chosen(logits: &Tensor) -> Tensor {
    let chosen = PAIRS.map(|(row, class)| logits.get(row).get(class));
    Tensor::stack(&chosen, 0).detach()
}

/// Σ over each map.
fn sums(maps: &Tensor) -> Tensor {
    maps.sum_dim_intlist([1i64, 2].as_slice(), false, None)
}

/// A tensor of the network.
fn named(model: &Model, name: &str) -> Tensor {
    let entries = model.params.entries();
    let entry = entries.iter().find(|entry| entry.name == name).unwrap();
    entry.tensor.detach()
}

/// The head's bias for [`PAIRS`].
fn bias(model: &Model) -> Tensor {
    let classes = PAIRS.map(|(_, class)| class);
    named(model, "fc.bias").index_select(0, &Tensor::from_slice(&classes))
}

#[test]
fn xdnn_contributions_sum_to_the_logit() {
    for backbone in [
        support::named("xdnn_resnet18"),
        support::named("xdnn_resnet50"),
    ] {
        let model = recipe_model(backbone, N_CLASSES, Kind::Double);
        for &layer in Layer::ALL {
            let features = features(&model, layer, Mode::Eval);
            let (maps, logits) = explained(&model, INTGRAD, layer, &features, Mode::Eval);
            let difference = relative(&sums(&maps), &(logits - bias(&model)));
            assert!(difference < 1e-11, "{backbone} at {layer}: {difference:e}");
        }
    }
}

#[test]
fn xdnn_is_homogeneous() {
    for backbone in [
        support::named("xdnn_resnet18"),
        support::named("xdnn_resnet50"),
    ] {
        let model = recipe_model(backbone, N_CLASSES, Kind::Double);
        for &layer in Layer::ALL {
            let features = features(&model, layer, Mode::Eval);
            let evidence = |features: &Tensor| {
                let logits = tch::no_grad(|| model.logits(features, layer, Mode::Eval)).unwrap();
                logits - named(&model, "fc.bias")
            };
            let whole = evidence(&features);
            for alpha in [0.3, 7.0] {
                let difference = relative(&evidence(&(&features * alpha)), &(&whole * alpha));
                assert!(
                    difference < 1e-11,
                    "{backbone}: {alpha} times the features at {layer}: {difference:e}"
                );
            }
        }
    }
}

/// The closed form (SPEC A.3) is what 40 midpoints of the path give by libtorch's backward pass.
#[test]
fn integrated_gradients_of_xdnn_are_the_integral() {
    let model = recipe_model(support::named("xdnn_resnet18"), N_CLASSES, Kind::Double);
    let n_steps = 40;
    for &layer in Layer::ALL {
        let features = features(&model, layer, Mode::Eval);
        let (maps, _) = explained(&model, INTGRAD, layer, &features, Mode::Eval);
        let mut sum = features.zeros_like();
        for step in 0..n_steps {
            let share = (f64::from(step) + 0.5) / f64::from(n_steps);
            let point = (&features * share).set_requires_grad(true);
            let logits = model.logits(&point, layer, Mode::Eval).unwrap();
            let selected = PAIRS.map(|(row, class)| logits.get(row).get(class));
            let selected = Tensor::stack(&selected, 0).sum(None);
            sum += Tensor::run_backward(&[&selected], &[&point], false, false).remove(0);
        }
        let integral =
            (sum / f64::from(n_steps) * &features).sum_dim_intlist([1i64].as_slice(), false, None);
        let difference = relative(&maps, &integral);
        assert!(difference < 1e-11, "{layer}: {difference:e}");
    }
}

/// Elsewhere they are 32 midpoints of the path, whose gradients jump: the sum is the logit's rise above
/// that of zero features, but for the rule's error.
#[test]
fn integrated_gradients_sum_to_the_rise_of_the_logit() {
    for backbone in [support::named("resnet18"), support::named("bcos_resnet18")] {
        let model = recipe_model(backbone, N_CLASSES, Kind::Double);
        if backbone == support::named("bcos_resnet18") {
            load_buffers(&model, &tensors("golden/bcos_resnet18.safetensors"));
        }
        for layer in [Layer::Mid2, Layer::Final] {
            let features = features(&model, layer, Mode::Eval);
            let (maps, logits) = explained(&model, INTGRAD, layer, &features, Mode::Eval);
            let zero = features.zeros_like();
            let base = tch::no_grad(|| model.logits(&zero, layer, Mode::Eval)).unwrap();
            let difference = relative(&sums(&maps), &(logits - chosen(&base)));
            assert!(difference < 0.05, "{backbone} at {layer}: {difference:e}");
        }
    }
}

/// In training mode too: the deviations of the batch are dynamic weights. A vision transformer's
/// position codes are evidence of their own, so there the sum holds behind them.
#[test]
fn bcos_contributions_sum_to_the_evidence() {
    let no_evidence = (0.001f64 / 0.999).ln();
    for backbone in Backbone::all().filter(|b| b.has_dynamic_weights) {
        let model = recipe_model(backbone, N_CLASSES, Kind::Double);
        load_buffers(&model, &tensors(&format!("golden/{backbone}.safetensors")));
        let is_transformer = !backbone.has_batch_statistics;
        // The running deviations first, before a batch has moved them.
        for mode in [Mode::Eval, Mode::Train] {
            for &layer in Layer::ALL {
                if is_transformer && layer == Layer::Input {
                    continue;
                }
                let features = features(&model, layer, mode);
                let (maps, logits) = explained(&model, BCOS, layer, &features, mode);
                let evidence = logits - no_evidence;
                let difference = relative(&sums(&maps), &evidence);
                assert!(
                    difference < 1e-9,
                    "{backbone} at {layer}, {mode:?}: {difference:e} of {evidence:?}"
                );
            }
        }
    }
}
