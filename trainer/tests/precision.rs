//! Compares faster ways to compute with the plain ones: the precision `bf16` with `f32`, and blocks fused into one
//! operation (where no gradient is needed) with their single operations in `f32`. They may differ by rounding only.
#![allow(clippy::unwrap_used)]

mod support;

use tch::{Device, Kind, Tensor};
use trainer::explain::attribution::Attribution;
use trainer::guide::loss::Loss;
use trainer::guide::losses::energy::ENERGY;
use trainer::guide::objective::{self, LocalizationTerm, MaskTargets};
use trainer::names::{Layer, Precision};
use trainer::network::{Mode, Model};
use trainer::train::adam::{Adam, WeightDecay};

/// Returns the relative distance |a − b| / |b|.
fn distance(a: &Tensor, b: &Tensor) -> f64 {
    let norm = |t: &Tensor| t.to_kind(Kind::Double).square().sum(None).sqrt();
    (norm(&(a - b)) / norm(b)).double_value(&[])
}

/// Returns the logits in evaluation mode, and the gradient of the guided loss.
fn guided(model: &Model) -> (Tensor, Tensor) {
    let input = support::recipe_input(model, 2, 64);
    let logits = tch::no_grad(|| model.logits(&input, Layer::Input, Mode::Eval).unwrap());
    let masks = Tensor::zeros([2, 64, 64], (Kind::Float, Device::Cpu));
    let _ = masks.narrow(1, 16, 32).narrow(2, 8, 24).fill_(1.0);
    let term = LocalizationTerm {
        attribution: Attribution::usual(model.backbone),
        layer: Layer::Input,
        loss: Loss::new(ENERGY, &[]).unwrap(),
        lambda: 1.0,
    };
    let mask_targets = MaskTargets {
        pairs: vec![(0, 1), (1, 2)],
        annotated: vec![0, 1],
        masks,
        areas: Vec::new(),
    };
    let targets = Tensor::from_slice(&[0f32, 1.0, 0.0, 0.0, 0.0, 1.0]).view([2, 3]);
    let terms = objective::guided(model, &input, &targets, &term, &mask_targets).unwrap();
    let adam = Adam::new(model.params.trained(), WeightDecay::NONE).unwrap();
    (logits, adam.gradient(&terms.total).unwrap())
}

/// Logits and the gradient of a guided loss in bf16 must be close to those in f32, and not equal.
#[test]
fn bf16_is_f32_with_fewer_digits() {
    for backbone in [
        support::named("resnet18"),
        support::named("xdnn_resnet18"),
        support::named("bcos_resnet18"),
        support::named("bcos_simple_vit_s"),
    ] {
        let at = |precision| {
            let mut model = support::recipe_model(backbone, 3, Kind::Float);
            model.precision = precision;
            guided(&model)
        };
        let ((logits, gradient), (exact, exact_gradient)) =
            (at(Precision::Bf16), at(Precision::F32));
        let (logits, gradient) = (
            distance(&logits, &exact),
            distance(&gradient, &exact_gradient),
        );
        println!("{backbone}: logits differ by {logits:e}, gradients by {gradient:e}");
        // bf16 has 8 significant bits: a rounding changes a number by up to 0.4 %, and the changes grow over
        // 18 layers and their backward pass. The upper bounds leave room for that.
        // That the gradient differs at all shows that bf16 was used. The logits cannot show it for B-cos
        // networks: with these weights they are little more than the constant bias.
        assert!(logits < 0.05, "{backbone}: {logits:e}");
        assert!((1e-3..0.6).contains(&gradient), "{backbone}: {gradient:e}");
    }
}

#[test]
fn blocks_as_one_operation_give_the_same_features() {
    for backbone in [
        support::named("resnet18"),
        support::named("resnet50"),
        support::named("xdnn_resnet50"),
    ] {
        let model = support::recipe_model(backbone, 3, Kind::Float);
        for size in [32, 64, 96] {
            let input = support::recipe_input(&model, 2, size);
            let features = || {
                let features = model.features(&input, Layer::Final, Mode::Eval);
                features.unwrap().detach()
            };
            // With gradients on, operations are not fused.
            let (alone, together) = (features(), tch::no_grad(features));
            let difference = distance(&together, &alone);
            println!("{backbone}: {difference:e}");
            assert!(difference < 1e-5, "{backbone}: {difference:e}");
            // In a fused block the norm is folded into the convolution's weights, which rounds some numbers
            // differently. So a difference shows that blocks were fused. X-DNN's blocks have no norms: there the
            // results may be equal.
            assert!(backbone.is_homogeneous || together != alone, "{backbone}");
        }
    }
}
