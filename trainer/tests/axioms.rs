//! Tests what attribution maps must add up to (docs/SPEC.md J.1, J.2), in float64 and up to rounding. The
//! sum of a map is the logit without its bias (X-DNN, which is a ResNet without norms and biases, and B-cos
//! networks); X-DNNs without the head's bias are homogeneous, f(αx) = α f(x); integrated gradients equal the
//! integral that defines them.
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
/// What is explained: (image in the batch, class).
const PAIRS: [(i64, i64); 3] = [(0, 3), (1, 4), (2, 0)];

/// Returns the features of three images at `layer`.
fn features(model: &Model, layer: Layer, mode: Mode) -> Tensor {
    let input = recipe_input(model, 3, 64);
    tch::no_grad(|| model.features(&input, layer, mode)).unwrap()
}

/// Returns the maps of [`PAIRS`] (3, h, w) and the three logits that they explain.
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

/// Returns the logits of [`PAIRS`].
fn chosen(logits: &Tensor) -> Tensor {
    let chosen = PAIRS.map(|(row, class)| logits.get(row).get(class));
    Tensor::stack(&chosen, 0).detach()
}

/// Returns the sum of each map.
fn sums(maps: &Tensor) -> Tensor {
    maps.sum_dim_intlist([1i64, 2].as_slice(), false, None)
}

/// Returns a tensor of the network by its name.
fn named(model: &Model, name: &str) -> Tensor {
    let entries = model.params.entries();
    let entry = entries.iter().find(|entry| entry.name == name).unwrap();
    entry.tensor.detach()
}

/// Returns the head's bias of the classes of [`PAIRS`].
fn bias(model: &Model) -> Tensor {
    let classes = PAIRS.map(|(_, class)| class);
    named(model, "fc.bias").index_select(0, &Tensor::from_slice(&classes))
}

/// The sum of an integrated-gradients map (on X-DNNs it is Input × Gradient) is the logit without the head's bias.
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

/// The logits without bias of α times the features must be α times the logits without bias.
#[test]
fn xdnn_is_homogeneous() {
    for backbone in [
        support::named("xdnn_resnet18"),
        support::named("xdnn_resnet50"),
    ] {
        let model = recipe_model(backbone, N_CLASSES, Kind::Double);
        for &layer in Layer::ALL {
            let features = features(&model, layer, Mode::Eval);
            // The logits without the bias.
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

/// For X-DNNs, integrated gradients have a closed form (docs/SPEC.md A.3). It must equal the average of
/// libtorch's gradients at 40 midpoints of the path from zero features, times the features.
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

/// For other networks, integrated gradients are computed from 32 midpoints of the path from zero features.
/// Their sum must be the logit's rise along the path. As gradients jump between midpoints, 5 % are allowed.
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

/// The contributions of a B-cos network sum to its evidence, the logit without its constant bias. This also
/// holds in training mode, where the batch's standard deviations belong to the dynamic weights. In a vision
/// transformer the position codes contribute besides the image, so there the map at the input does not sum to
/// the evidence and is not tested.
#[test]
fn bcos_contributions_sum_to_the_evidence() {
    // The constant bias of the B-cos networks' logits, −6.9.
    let no_evidence = (0.001f64 / 0.999).ln();
    for backbone in Backbone::all().filter(|b| b.has_dynamic_weights) {
        let model = recipe_model(backbone, N_CLASSES, Kind::Double);
        load_buffers(&model, &tensors(&format!("golden/{backbone}.safetensors")));
        // Of the B-cos networks only the vision transformers have no batch statistics.
        let is_transformer = !backbone.has_batch_statistics;
        // Evaluation first: training mode changes the running standard deviations.
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
