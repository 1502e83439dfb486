//! Compares every network in float32 with itself in float64, with the same weights and input: features,
//! logits and maps in evaluation, losses in training must agree up to rounding. (`golden.rs` compares
//! float64 with the official implementation.)
//!
//! The allowed difference is measured: float32 is computed several times with the input changed by at most a
//! unit in the last place, so that every rounding turns out differently. The spread of the results shows how
//! much rounding matters for this network, on this processor and with this number of threads. The float64
//! values may be a few times as far away as that spread. A control shows that a change of a single weight by
//! a factor of 1.001 leads farther away.
//!
//! This is only valid where the values are continuous. A map jumps when a ReLU switches on or off or another
//! pixel of a pooling window becomes the largest, and for a unit close to zero rounding decides that. So maps
//! are compared at an input at which no unit is close to switching. The input is searched for in float64, so that
//! it is the same on every machine: weights and input are moved in some direction and in the opposite one, thirty
//! times as far as by rounding; if nothing switches, the two changes of the map cancel. In training, maps are
//! guided at the final layer, behind which nothing can switch.
#![allow(clippy::unwrap_used)]

mod support;

use data_prep::geometry::Grid;
use support::{
    device, fixture, load_buffers, masks, named, recipe_input, recipe_model, relative, scalar,
    tensors, uniform,
};
use tch::{Device, Kind, Tensor};
use trainer::explain::attribution::{Attribution, Explainable};
use trainer::explain::gradients::Order;
use trainer::explain::methods::bcos::BCOS;
use trainer::explain::methods::gradcam::GRADCAM;
use trainer::explain::methods::ixg::IXG;
use trainer::guide::loss::Loss;
use trainer::guide::losses::energy::ENERGY;
use trainer::guide::losses::l1::L1;
use trainer::guide::losses::ppce::PPCE;
use trainer::guide::losses::rrr::RRR;
use trainer::guide::objective::{self, LocalizationTerm, MaskTargets};
use trainer::names::Layer;
use trainer::network::{Backbone, Mode, Model};
use trainer::random;

const N_CLASSES: usize = 5;
/// The explained class of each image.
const CLASSES: [i64; 3] = [3, 4, 2];

/// A unit in the last place of float32, relative to the number, at most.
const UNIT: f64 = f32::EPSILON as f64;
/// How often float32 is computed with its roundings drawn anew.
const N_ROUNDINGS: u64 = 8;
/// The allowed distance of float64 from float32, as a multiple of the spread of these float32 results; chosen.
const FACTOR: f64 = 8.0;
/// The least spread that is assumed, a few units in the last place.
const LEAST: f64 = 4.0 * UNIT;

/// By how much weights and input are moved, relative to each number, to find units close to switching: about
/// thirty times [`UNIT`]. Features then move more than three times as far as by rounding, which is asserted.
const FAR: f64 = 4e-6;
/// How many directions are tried. One in four of them does not notice a unit within a third of [`FAR`] of zero.
const N_DIRECTIONS: u64 = 6;
/// The largest remainder of the two opposite changes, relative to the map, if nothing switches: it is FAR² times
/// the curvature.
const SMOOTH: f64 = 1e-6;
/// The number of random numbers by which weights and input are moved: a prime.
const N_MOVES: i64 = 65_537;
/// How many inputs are tried.
const N_INPUTS: i64 = 100;

/// A network's weights (in the order of its parameters) and an input, in float64 on the CPU.
struct Point {
    names: Vec<String>,
    numbers: Vec<Tensor>,
    input: Tensor,
}

impl Point {
    /// Returns the point with the input (and every weight, if `with_weights`) multiplied by 1 + `step` · u. The
    /// random numbers u in −1 to 1, one for each element, depend on `draw`.
    fn moved(&self, step: f64, draw: u64, with_weights: bool) -> Point {
        // All tensors use one list of random numbers, over and over, each beginning at another place. Its
        // length is prime, so that no two rows of a weight get the same numbers.
        let u = uniform("moves", &[N_MOVES]) * 2.0 - 1.0;
        let moved = |name: &str, tensor: &Tensor| {
            let start =
                (random::fnv1a(name.as_bytes()) % N_MOVES as u64) as i64 + 997 * draw as i64;
            let n_streams = (start + tensor.numel() as i64).div_euclid(N_MOVES) + 1;
            let u = u
                .repeat([n_streams])
                .narrow(0, start, tensor.numel() as i64);
            tensor + tensor * u.view(tensor.size().as_slice()) * step
        };
        let numbers = self.names.iter().zip(&self.numbers);
        Point {
            names: self.names.clone(),
            numbers: numbers
                .map(|(name, tensor)| match with_weights {
                    true => moved(name, tensor),
                    false => tensor.shallow_clone(),
                })
                .collect(),
            input: moved("the input", &self.input),
        }
    }

    /// Sets the weights of `model` and returns its input. This is done before every computation, as training
    /// changes the statistics of norms.
    fn take(&self, model: &Model) -> Tensor {
        for (param, numbers) in model.params.entries().iter().zip(&self.numbers) {
            tch::no_grad(|| param.tensor.shallow_clone().copy_(numbers));
        }
        let input = self.input.to_kind(model.params.kind());
        model.in_memory_format(input.to_device(device())).unwrap()
    }
}

/// One network with the same weights in float32 and in float64.
struct Network {
    single: Model,
    double: Model,
}

/// Computed tensors with their descriptions.
type Values = Vec<(String, Tensor)>;
/// Computes such tensors by a model from its input.
type Reading = fn(&Model, &Tensor) -> Values;

impl Network {
    fn new(backbone: Backbone) -> Network {
        let [single, double] = [Kind::Float, Kind::Double].map(|kind| {
            let model = recipe_model(backbone, N_CLASSES, kind);
            // B-cos networks need running statistics that fit their weights.
            if fixture(&format!("golden/{backbone}.safetensors")).exists() {
                load_buffers(&model, &tensors(&format!("golden/{backbone}.safetensors")));
            }
            model
        });
        Network { single, double }
    }

    /// Returns the network's weights and `input`, both rounded to float32.
    fn point(&self, input: &Tensor) -> Point {
        let params = self.single.params.entries();
        let cpu = |tensor: &Tensor| tensor.detach().to_device(Device::Cpu);
        Point {
            names: params.iter().map(|param| param.name.clone()).collect(),
            numbers: params
                .iter()
                .map(|param| cpu(&param.tensor).to_kind(Kind::Double))
                .collect(),
            input: cpu(input).to_kind(Kind::Float).to_kind(Kind::Double),
        }
    }

    /// Returns a point whose input is an image of 32×32 at which no unit is close to switching. The image
    /// `first` is known to be one; if it no longer is, others are tried.
    fn clear_point(&self, first: i64) -> Point {
        let inputs = recipe_input(&self.double, N_INPUTS as u64, 32);
        for index in (first..N_INPUTS).chain(0..first) {
            let point = self.point(&inputs.narrow(0, index, 1));
            // B-cos networks have no ReLUs.
            if self.double.backbone.has_dynamic_weights || self.is_clear(&point) {
                println!("image {index}");
                return point;
            }
        }
        panic!("no input at which nothing is next to being switched");
    }

    /// Whether nothing switches within [`FAR`] of the point. Also asserts that rounding to float32 moves
    /// features less far than that.
    fn is_clear(&self, point: &Point) -> bool {
        // The map at the input depends on every unit.
        let map = |point: &Point| {
            let input = point.take(&self.double);
            explained(&self.double, &input, Layer::Input, IXG).0
        };
        let here = map(point);
        let is_smooth = |draw: u64| {
            let [to, fro] = [FAR, -FAR].map(|step| map(&point.moved(step, draw, true)));
            relative(&((to + fro) / 2.0), &here) < SMOOTH
        };
        if !(0..N_DIRECTIONS).all(is_smooth) {
            return false;
        }
        let features = |model: &Model, point: &Point, layer: Layer| {
            let input = point.take(model);
            let features = tch::no_grad(|| model.features(&input, layer, Mode::Eval)).unwrap();
            features.to_device(Device::Cpu).to_kind(Kind::Double)
        };
        let moved = point.moved(FAR, 0, true);
        for layer in [Layer::Mid1, Layer::Mid2, Layer::Mid3, Layer::Final] {
            let here = features(&self.double, point, layer);
            let [rounded, moved] = [
                features(&self.single, point, layer),
                features(&self.double, &moved, layer),
            ]
            .map(|features| scalar(&(features - &here).square().sum(None).sqrt()));
            println!("features at {layer}: rounded by {rounded:.1e}, moved by {moved:.1e}");
            assert!(rounded < moved / 3.0, "{layer}: {rounded:e}, {moved:e}");
        }
        true
    }

    /// Asserts that float32 agrees with float64 at `point`. Returns the float64 values, and for each the
    /// allowed relative difference.
    fn compare(&self, point: &Point, read: Reading) -> (Values, Vec<f64>) {
        let at = |point: &Point, model: &Model| read(model, &point.take(model));
        let (exact, found) = (at(point, &self.double), at(point, &self.single));
        let mut allowed = vec![LEAST; found.len()];
        for draw in 0..N_ROUNDINGS {
            let again = at(&point.moved(UNIT, draw, false), &self.single);
            for (allowed, ((_, again), (_, found))) in
                allowed.iter_mut().zip(again.iter().zip(&found))
            {
                *allowed = allowed.max(relative(again, found));
            }
        }
        for allowed in &mut allowed {
            *allowed *= FACTOR;
        }
        for (((what, exact), (_, found)), allowed) in exact.iter().zip(&found).zip(&allowed) {
            let off = relative(found, exact);
            println!("{what}: {off:.1e} off, {allowed:.1e} allowed");
            assert!(
                off < *allowed,
                "{}: {what}: {off:e} off, {allowed:e} allowed",
                self.single.backbone
            );
        }
        (exact, allowed)
    }

    /// Returns an important weight, as (tensor, index in it): the largest scale of the first norm or, if the network
    /// has no norms, the head's weight that adds most to the first explained logit.
    fn weight_that_counts(&self, point: &Point) -> (usize, i64) {
        let is_scale = |index: &usize| {
            point.names[*index].ends_with("weight") && point.numbers[*index].dim() == 1
        };
        let largest = |tensor: &Tensor| tensor.abs().argmax(0, false).int64_value(&[]);
        if let Some(index) = (0..point.names.len()).find(is_scale) {
            return (index, largest(&point.numbers[index]));
        }
        let head = self.double.backbone.head[0];
        let index = point.names.iter().position(|name| name == head).unwrap();
        let input = point.take(&self.double);
        let features = self
            .double
            .features(&input, Layer::Final, Mode::Eval)
            .unwrap();
        let means = features.mean_dim([0i64, 2, 3].as_slice(), false, None);
        let means = means.detach().to_device(Device::Cpu);
        let row = point.numbers[index].get(CLASSES[0]);
        (
            index,
            CLASSES[0] * row.numel() as i64 + largest(&(row * means)),
        )
    }

    /// The control: with one weight times 1.001, float32 must be farther from `exact` than `allowed`, in the
    /// logits and in a map.
    fn notices_one_weight(&self, point: &Point, exact: &Values, allowed: &[f64]) {
        let (index, at) = self.weight_that_counts(point);
        let name = &point.names[index];
        let mut changed = point.moved(0.0, 0, false);
        let weight = changed.numbers[index].copy();
        let _ = weight.view(-1).get(at).g_mul_scalar_(1.001);
        changed.numbers[index] = weight;
        let found = evaluated(&self.single, &changed.take(&self.single));
        let farthest = |kind: fn(&str) -> bool| {
            let values = found.iter().zip(exact).zip(allowed);
            let of_kind = values.filter(|(((what, _), _), _)| kind(what));
            let times =
                of_kind.map(|(((_, found), (_, exact)), allowed)| relative(found, exact) / allowed);
            times.fold(0.0, f64::max)
        };
        let evidence = farthest(|what| what.starts_with("evidence"));
        let maps = farthest(|what| !what.starts_with("evidence") && !what.starts_with("features"));
        println!("{name}: logits {evidence:.1}, a map {maps:.1} times what is allowed");
        assert!(
            evidence > 1.0 && maps > 1.0,
            "{}: {name} times 1.001 is not noticed: {evidence}, {maps} times what is allowed",
            self.single.backbone
        );
    }
}

/// Returns the attribution methods to compare: B-cos's own for B-cos networks, IxG and GradCAM for others.
fn attributions(model: &Model) -> &'static [Attribution] {
    match model.backbone.has_dynamic_weights {
        true => &[BCOS],
        false => &[IXG, GRADCAM],
    }
}

/// Returns the logits without a B-cos network's constant bias, −6.9: relative to it, differences would seem small.
fn evidence(model: &Model, logits: &Tensor) -> Tensor {
    match model.backbone.has_dynamic_weights {
        true => logits - (0.001f64 / 0.999).ln(),
        false => logits.shallow_clone(),
    }
}

/// Returns the maps of [`CLASSES`], and the logits without bias.
fn explained(
    model: &Model,
    input: &Tensor,
    layer: Layer,
    attribution: Attribution,
) -> (Tensor, Tensor) {
    let features = tch::no_grad(|| model.features(input, layer, Mode::Eval)).unwrap();
    let explainable = Explainable::new(
        model,
        attribution,
        layer,
        &features,
        Mode::Eval,
        Order::First,
    )
    .unwrap();
    let pairs: Vec<(i64, i64)> = (0..input.size()[0]).zip(CLASSES).collect();
    let maps = explainable.maps(&pairs).unwrap();
    (maps, evidence(model, explainable.logits()))
}

/// Returns features, logits without bias ("evidence") and maps of every layer, in evaluation mode.
fn evaluated(model: &Model, input: &Tensor) -> Values {
    let mut values = Values::new();
    for &layer in Layer::ALL {
        let features = tch::no_grad(|| model.features(input, layer, Mode::Eval)).unwrap();
        values.push((format!("features at {layer}"), features));
        for &attribution in attributions(model) {
            let (maps, evidence) = explained(model, input, layer, attribution);
            values.push((format!("{attribution} at {layer}"), maps));
            if attribution == attributions(model)[0] {
                values.push((format!("evidence from {layer}"), evidence));
            }
        }
    }
    values
}

/// Returns the losses in training mode, with batch statistics, guided at the final layer.
fn guided_losses(model: &Model, input: &Tensor) -> Values {
    let (n, size) = (input.size()[0], input.size()[2]);
    let targets = Tensor::zeros([n, N_CLASSES as i64], (input.kind(), input.device()));
    let pairs: Vec<(i64, i64)> = (0..n).zip(CLASSES).collect();
    for &(image, class) in &pairs {
        let _ = targets.get(image).get(class).fill_(1.0);
    }
    let part = |eighths: i32| eighths * size as i32 / 8;
    let boxes = [
        vec![[part(1), part(1), part(5), part(6)]],
        vec![[part(2), part(3), part(8) - 1, part(7)]],
    ];
    let mask_targets = MaskTargets {
        pairs,
        annotated: vec![0, 1],
        masks: masks(&boxes, Grid::square(size as usize)).to_kind(input.kind()),
        areas: Vec::new(),
    };
    let mut values = Values::new();
    for &attribution in attributions(model) {
        for loss in [ENERGY, L1, PPCE, RRR] {
            let term = LocalizationTerm {
                attribution,
                layer: Layer::Final,
                loss: Loss::new(loss, &[]).unwrap(),
                lambda: 1.0,
            };
            let terms = objective::guided(model, input, &targets, &term, &mask_targets).unwrap();
            let localization = terms.localization.unwrap().detach();
            values.push((format!("{loss} of {attribution}"), localization));
            if values.len() == 1 {
                values.push(("class loss".to_owned(), terms.class.detach()));
            }
        }
    }
    values
}

/// Compares a network in float32 and float64; `clear` is the number of an image at which the search found no unit
/// close to switching.
fn network(backbone: Backbone, clear: i64) {
    let network = Network::new(backbone);
    let training = network.point(&recipe_input(&network.double, 3, 64));
    network.compare(&training, guided_losses);
    let point = network.clear_point(clear);
    let (exact, allowed) = network.compare(&point, evaluated);
    network.notices_one_weight(&point, &exact, &allowed);
}

#[test]
fn resnet18() {
    network(named("resnet18"), 0);
}

#[test]
fn resnet50() {
    network(named("resnet50"), 50);
}

#[test]
fn xdnn_resnet18() {
    network(named("xdnn_resnet18"), 0);
}

#[test]
fn xdnn_resnet50() {
    network(named("xdnn_resnet50"), 1);
}

#[test]
fn bcos_resnet18() {
    network(named("bcos_resnet18"), 0);
}

#[test]
fn bcos_resnet50() {
    network(named("bcos_resnet50"), 0);
}

#[test]
fn bcos_densenet121() {
    network(named("bcos_densenet121"), 0);
}

#[test]
fn bcos_simple_vit_s() {
    network(named("bcos_simple_vit_s"), 0);
}

#[test]
fn bcos_vitc_s() {
    network(named("bcos_vitc_s"), 0);
}

#[test]
fn efficientnet_lite0() {
    network(named("efficientnet_lite0"), 5);
}
