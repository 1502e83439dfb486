//! B-cosified networks (docs/SPEC.md D): with B = 1 and all biases and means kept, the logits are those of the
//! network that they come from; as B-cos networks, their maps add up to the logits; on the way, the fused operations
//! equal plain expressions of libtorch in first and second order.
#![allow(clippy::unwrap_used)]

use std::path::Path;
use std::sync::{Mutex, PoisonError};

use tch::{Device, Kind, Tensor};
use trainer::guide::distillation::distance;
use trainer::guide::objective::distilled;
use trainer::names::Layer;
use trainer::network::bcosified::{LOGIT_BIAS, PROGRESS, widened};
use trainer::network::pass::fused;
use trainer::network::{Backbone, Encoding, Mode, Model};
use trainer::train::adam::{Adam, WeightDecay};
use trainer::weights::network::{Network, NetworkOptions, attempt, open};

/// Returns fixed numbers, normal with deviation 1, in double precision. libtorch has one generator for all tests of
/// this program, which run side by side, so that they draw one after the other.
fn noise(seed: i64, shape: &[i64]) -> Tensor {
    static DRAWING: Mutex<()> = Mutex::new(());
    let _alone = DRAWING.lock().unwrap_or_else(PoisonError::into_inner);
    tch::manual_seed(seed);
    Tensor::randn(shape, (Kind::Double, Device::Cpu))
}

/// Returns a network with random running statistics and norms, so that biases and means matter.
fn model(name: &str) -> Model {
    let backbone: Backbone = name.parse().unwrap();
    let model = Model::new(backbone, 4, 1, Device::Cpu, Kind::Double).unwrap();
    for (number, param) in model.params.entries().iter().enumerate() {
        let size = param.tensor.size();
        let other = noise(number as i64, &size);
        let ends = |end: &str| param.name.ends_with(end);
        let value = if ends("running_var") {
            other.square() + 0.5
        } else if ends("running_mean") || ends("bias") {
            other * 0.2
        } else if size.len() == 1 && ends("weight") {
            other * 0.1 + 1.0
        } else {
            continue;
        };
        tch::no_grad(|| param.tensor.shallow_clone().copy_(&value));
    }
    model
}

/// Returns the ordinary network `name`, and the B-cosified one with its weights.
fn pair(name: &str) -> (Model, Model) {
    let ordinary = model(name);
    let backbone: Backbone = format!("bcosified_{name}").parse().unwrap();
    let bcosified = Model::new(backbone, 4, 1, Device::Cpu, Kind::Double).unwrap();
    let mut tensors = ordinary.params.named();
    for (name, tensor) in &mut tensors {
        if Some(name.as_str()) == ordinary.backbone.stem {
            *tensor = widened(tensor, ordinary.backbone.encoding).unwrap();
        }
    }
    // 0 is the ordinary network, 1 the B-cos one.
    tensors.push((PROGRESS.to_owned(), Tensor::from_slice(&[0.0])));
    bcosified.params.load(&tensors, &[], "pair").unwrap();
    (ordinary, bcosified)
}

/// A network from a file, with batch norms and biases, is B-cosified like those of the list;
/// those with attention or a product of two values are not.
#[test]
fn networks_from_files_become_bcos_networks() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/exported");
    let bcosify = |name: &str| {
        let file = folder.join(name);
        let options = |bcosify| NetworkOptions {
            bcosify,
            ..NetworkOptions::default()
        };
        let ordinary = open(&file, &options(false)).unwrap();
        let bcosified = open(&file, &options(true)).unwrap();
        attempt(&bcosified, &file).map(|_| (ordinary, bcosified))
    };
    let name = "blocks.pt2";
    let (ordinary, bcosified) = bcosify(name).unwrap();
    let [_, height, width] = ordinary.description.graph.image();
    let images = noise(5, &[2, 3, height, width]).sigmoid();
    let model = |network: &Network| {
        let k = network.head.n_classes as usize;
        let model = Model::new(network.backbone, k, 0, Device::Cpu, Kind::Double).unwrap();
        model.params.load(&network.tensors, &[], name).unwrap();
        model
    };
    let (ordinary, bcosified) = (model(&ordinary), model(&bcosified));
    let encoded = |model: &Model| model.backbone.encoding.encode(&images).unwrap();
    let logits = |model: &Model| {
        let logits = model.logits(&encoded(model), Layer::Input, Mode::Eval);
        tch::no_grad(|| logits.unwrap())
    };
    let theirs = logits(&ordinary);
    let off = largest(&(&theirs - logits(&bcosified))) / largest(&theirs);
    assert!(off < 1e-9, "{name}: {off:e}");
    bcosified.bcosify(1.0).unwrap();
    let (sum, logit) = sum_and_logit(&bcosified, &encoded(&bcosified), Layer::Input, Mode::Eval);
    let off = largest(&(&sum - &logit));
    assert!(off < 1e-9, "{name}: {off:e}");
    // Attention, and a product of two values.
    for name in ["tokens.pt2", "convolutions.pt2"] {
        let error = bcosify(name).unwrap_err().to_string();
        let said = format!("{name}: network: found ");
        assert!(error.contains(&said) && error.contains("B-cos"), "{error}");
        let expected = ", expected a network of convolutions, linear layers, ";
        assert!(error.contains(expected), "{name}: {error}");
    }
}

fn images() -> Tensor {
    noise(7, &[2, 3, 64, 64]).sigmoid()
}

fn encoded(model: &Model) -> Tensor {
    let input = model.backbone.encoding.encode(&images()).unwrap();
    model.in_memory_format(input).unwrap()
}

fn largest(t: &Tensor) -> f64 {
    t.abs().max().double_value(&[])
}

#[test]
fn at_the_start_the_logits_are_the_ordinary_networks() {
    for name in ["resnet18", "resnet50", "efficientnet_lite0"] {
        let (ordinary, bcosified) = pair(name);
        for mode in [Mode::Eval, Mode::Train] {
            let logits = |model: &Model| {
                tch::no_grad(|| model.logits(&encoded(model), Layer::Input, mode).unwrap())
            };
            let (theirs, own) = (logits(&ordinary), logits(&bcosified));
            let off = largest(&(&theirs - &own)) / largest(&theirs);
            assert!(off < 1e-9, "{name} {mode:?}: {off:e}");
        }
    }
}

#[test]
fn as_a_bcos_network_its_maps_add_up_to_the_logits() {
    for name in ["resnet18", "efficientnet_lite0"] {
        let (_, model) = pair(name);
        model.bcosify(1.0).unwrap();
        for mode in [Mode::Eval, Mode::Train] {
            for &layer in Layer::ALL {
                let (sum, logit) = sum_and_logit(&model, &encoded(&model), layer, mode);
                let off = largest(&(&sum - &logit));
                assert!(off < 1e-9, "{name} at {layer} {mode:?}: {off:e}");
            }
        }
    }
}

/// At the start the features are those of the network that it begins from, on the way they go apart, and steps
/// against their distance bring them nearer.
#[test]
fn distillation_keeps_features_near_those_at_the_start() {
    let ((_, teacher), (_, model)) = (pair("resnet18"), pair("resnet18"));
    let input = encoded(&model);
    let features = |model: &Model, mode| model.all_features(&input, mode).unwrap();
    let apart = |mode| {
        let theirs = features(&teacher, Mode::Eval).0;
        let distance = tch::no_grad(|| distance(&features(&model, mode).0, &theirs).unwrap());
        distance.double_value(&[])
    };
    let (all, logits) = features(&model, Mode::Eval);
    for (layer, found) in Layer::ALL[1..].iter().zip(&all) {
        let expected = model.features(&input, *layer, Mode::Eval).unwrap();
        assert_eq!(largest(&(expected - found)), 0.0, "{layer}");
    }
    assert_eq!(all.len(), Layer::ALL.len() - 1);
    let whole = model.logits(&input, Layer::Input, Mode::Eval).unwrap();
    assert_eq!(largest(&(whole - logits)), 0.0);
    assert!(apart(Mode::Eval) < 1e-12);

    model.bcosify(1.0).unwrap();
    let targets = Tensor::zeros([2, 4], (Kind::Double, Device::Cpu));
    let terms = || distilled(&model, (&teacher, 2.0), &input, &targets).unwrap();
    let (before, first) = (apart(Mode::Train), terms());
    let added = (&first.total - &first.class).double_value(&[]);
    assert!(
        (added - 2.0 * before).abs() < 1e-9 && before > 0.1,
        "{before}"
    );
    let mut adam = Adam::new(model.params.trained(), WeightDecay::NONE).unwrap();
    for _ in 0..10 {
        adam.step(&terms().total, 1e-3).unwrap();
    }
    let after = apart(Mode::Train);
    assert!(after < 0.8 * before, "{before} {after}");
}

/// Returns what the map of class 2 at `layer` adds up to, with the logit of no evidence, and the logit.
fn sum_and_logit(model: &Model, input: &Tensor, layer: Layer, mode: Mode) -> (Tensor, Tensor) {
    tch::no_grad(|| {
        let features = model.features(input, layer, mode).unwrap();
        let record = model.record(&features, layer, mode).unwrap();
        let logits = record.logits().shallow_clone();
        let chosen = logits.zeros_like();
        let _ = chosen.select(1, 2).fill_(1.0);
        let products = record.gradient(&chosen).unwrap() * &features;
        let map = products.sum_dim_intlist([1i64, 2, 3].as_slice(), false, None::<Kind>);
        (map + LOGIT_BIAS, logits.select(1, 2))
    })
}

/// Returns the value of `f` at `inputs`, its gradient, and the gradient of that, each for fixed random weights.
fn twice(f: &dyn Fn(&[Tensor]) -> Tensor, inputs: &[Tensor]) -> Vec<Tensor> {
    let inputs: Vec<Tensor> = inputs
        .iter()
        .map(|t| t.detach().copy().set_requires_grad(true))
        .collect();
    let all: Vec<&Tensor> = inputs.iter().collect();
    // The sum of `tensors` with fixed weights, in which every input occurs.
    let weighed = |tensors: &[Tensor]| -> Tensor {
        let zero = inputs
            .iter()
            .fold(Tensor::from(0.0), |sum, t| sum + t.sum(Kind::Double) * 0.0);
        let terms = tensors.iter().zip(99..);
        terms.fold(zero, |sum, (t, seed)| {
            sum + (t * noise(seed, &t.size())).sum(Kind::Double)
        })
    };
    let out = f(&inputs);
    let loss = weighed(std::slice::from_ref(&out));
    let first = Tensor::run_backward(&[&loss], &all, true, true);
    let second = Tensor::run_backward(&[&weighed(&first)], &all, false, false);
    let value = std::iter::once(out.detach());
    value.chain(first).chain(second).collect()
}

#[test]
fn fused_operations_equal_plain_ones() {
    let (u, g) = (noise(1, &[2, 6, 5, 7]), noise(2, &[2, 6, 5, 7]));
    let row = noise(4, &[6]).square() + 0.1;
    for groups in [1i64, 3, 6] {
        let patch = noise(3, &[2, groups, 5, 7]).square() + 0.1;
        for eighths in 0..=8i64 {
            // B − 1.
            let exponent = eighths as f64 / 8.0;
            let power = |u: &Tensor, m: &Tensor, r: &Tensor| {
                let wide = m.repeat_interleave_self_int(6 / groups, 1, 6);
                let cosine = u.abs() * wide * r.view([1, -1, 1, 1]);
                // SMOOTHING in trainer/fused/bcosified.h.
                (cosine + 0.01 * (1.0 - exponent)).pow_tensor_scalar(exponent)
            };
            let own = [u.copy(), patch.copy(), row.copy()];
            let fused = twice(
                &|t| fused::power_scale(&t[0], &t[1], &t[2], eighths).unwrap(),
                &own,
            );
            let plain = twice(&|t| &t[0] * power(&t[0], &t[1], &t[2]), &own);
            compare(
                &fused,
                &plain,
                &format!("scale, {groups} groups, {eighths} eighths"),
            );
            let own = [g.copy(), u.copy(), patch.copy(), row.copy()];
            let fused = twice(
                &|t| fused::power_vjp(&t[0], &t[1], &t[2], &t[3], eighths).unwrap(),
                &own,
            );
            let plain = twice(&|t| &t[0] * power(&t[1], &t[2], &t[3]), &own);
            compare(
                &fused,
                &plain,
                &format!("vjp, {groups} groups, {eighths} eighths"),
            );
        }
    }
    for kept in [0.0, 0.3, 1.0] {
        let own = [
            noise(5, &[3, 4, 5, 5]) + 0.7,
            noise(6, &[4]),
            noise(8, &[4]),
        ];
        let both =
            |y: &Tensor, s: &Tensor| Tensor::cat(&[y.flatten(0, -1), s.flatten(0, -1) * 3.0], 0);
        let fused = twice(
            &|t| {
                let [y, s, _, _] = fused::fading_norm(&t[0], &t[1], &t[2], kept, 1e-3).unwrap();
                both(&y, &s)
            },
            &own,
        );
        let plain = twice(
            &|t| {
                let axes = [0i64, 2, 3];
                let mean = t[0].mean_dim(axes.as_slice(), false, None::<Kind>);
                let var = t[0].var_dim(axes.as_slice(), false, false);
                let s = &t[1] * (var + 1e-3).rsqrt();
                let shift = (&t[2] - &s * mean) * kept;
                let y = &t[0] * s.view([1, -1, 1, 1]) + shift.view([1, -1, 1, 1]);
                both(&y, &s)
            },
            &own,
        );
        compare(&fused, &plain, &format!("norm, {kept} kept"));
    }
}

fn compare(fused: &[Tensor], plain: &[Tensor], what: &str) {
    for (number, (fused, plain)) in fused.iter().zip(plain).enumerate() {
        let zero = Tensor::zeros([1], (Kind::Double, Device::Cpu));
        let [fused, plain] = [fused, plain].map(|t| if t.defined() { t } else { &zero });
        let off = largest(&(fused - plain)) / largest(plain).max(1e-12);
        assert!(
            off < 1e-9 || largest(&(fused - plain)) < 1e-12,
            "{what}, {number}: {off:e}"
        );
    }
}

#[test]
fn the_first_weights_take_any_encoding() {
    let x = images();
    for (encoding, channels) in [
        (Encoding::IMAGENET, 3),
        (
            Encoding::Reversed {
                mean: [0.4, 0.5, 0.6],
                std: [0.2, 0.3, 0.25],
            },
            3,
        ),
        (
            Encoding::Gray {
                mean: 0.4,
                std: 0.3,
            },
            1,
        ),
        (Encoding::WithInverse, 6),
    ] {
        let weight = noise(3, &[5, channels, 3, 3]);
        let conv = |input: Tensor, weight: &Tensor| {
            input.conv2d(weight, None::<Tensor>, [2i64, 2], [1i64, 1], [1i64, 1], 1)
        };
        let ordinary = conv(encoding.encode(&x).unwrap(), &weight);
        let six = widened(&weight, encoding).unwrap();
        let own = conv(Encoding::WithInverse.encode(&x).unwrap(), &six);
        assert!(largest(&(&ordinary - &own)) < 1e-12, "{encoding}");
    }
}
