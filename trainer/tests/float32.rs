//! Float32 is float64 with fewer digits, on every processor: features, logits and maps in evaluation,
//! losses in training. Float64 is held against the official implementation (golden.rs); here every
//! network in float32 is held against itself in float64, with the very same weights and input.
//!
//! How far apart they may be is measured, not typed in: float32 is computed again and again with every
//! weight and the input moved by a unit in the last place or less, which draws all its roundings anew.
//! What that changes is how much rounding can do here, with this processor's instructions, this number
//! of threads and this network; the float64 values may be a few times as far away.
//!
//! That is certain only where the values are continuous. A map jumps where a ReLU is switched or
//! another pixel of a window becomes the largest, and rounding decides whether a unit next to zero is
//! on. So maps are compared at an input where none is next to zero: float64, in which this is the same
//! on every machine, finds it by moving all numbers a hundred times as far as rounding does, to and
//! fro; where nothing is switched, the two changes cancel.
#![allow(clippy::unwrap_used)]

mod support;

use data_prep::geometry::Grid;
use support::{
    device, fixture, load_buffers, masks, recipe_input, recipe_model, relative, tensors, uniform,
};
use tch::{Device, Kind, Tensor};
use trainer::attribution::{Explainable, Order};
use trainer::backbone::{Mode, Model};
use trainer::names::{Attribution, Backbone, Layer, LocalizationLoss};
use trainer::objective::{self, Explained, Guide};

const N_CLASSES: usize = 5;
/// The explained class of each image.
const CLASSES: [i64; 3] = [3, 4, 2];

/// A unit in the last place of float32, as a part of the number at most.
const UNIT: f64 = f32::EPSILON as f64;
/// How often float32 is computed with its roundings drawn anew.
const N_ROUNDINGS: u64 = 8;
/// How many times as far as these are from each other float64 may be from float32.
const FACTOR: f64 = 8.0;
/// Differences below this are not told from none: a single number has only so many digits.
const LEAST: f64 = 4.0 * UNIT;

/// How far numbers are moved to find what is switched: more than any rounding adds up to, which is
/// asserted of the features.
const FAR: f64 = 1e-5;
/// Along how many directions. A unit within a third of [`FAR`] of zero is missed by one in four of them.
const N_DIRECTIONS: u64 = 8;
/// What is left of the two changes where nothing is switched: FAR², times the curvature.
const SMOOTH: f64 = 1e-6;
/// How many inputs are tried.
const N_INPUTS: i64 = 100;

/// A network's numbers (in the order of its parameters) and input, in float64 on the CPU.
struct Point {
    names: Vec<String>,
    numbers: Vec<Tensor>,
    input: Tensor,
}

impl Point {
    /// Every number times 1 + `step` · u, u from −1 to 1 as drawn for `draw`.
    fn moved(&self, step: f64, draw: u64) -> Point {
        let moved = |name: &str, tensor: &Tensor| {
            let u = uniform(&format!("{name}, draw {draw}"), &tensor.size()) * 2.0 - 1.0;
            tensor * (u * step + 1.0)
        };
        let numbers = self.names.iter().zip(&self.numbers);
        Point {
            names: self.names.clone(),
            numbers: numbers.map(|(name, tensor)| moved(name, tensor)).collect(),
            input: moved("the input", &self.input),
        }
    }

    /// Takes `model` there and gives its input: training moves the statistics of norms, so before
    /// every reading.
    fn take(&self, model: &Model) -> Tensor {
        for (param, numbers) in model.params.entries().iter().zip(&self.numbers) {
            tch::no_grad(|| param.tensor.shallow_clone().copy_(numbers));
        }
        let input = self.input.to_kind(model.params.kind());
        model.in_order(input.to_device(device())).unwrap()
    }
}

/// One network in both number types.
struct Network {
    single: Model,
    double: Model,
}

/// Values with what they are.
type Values = Vec<(String, Tensor)>;
/// Reads values off a model and its input.
type Reading = fn(&Model, &Tensor) -> Values;

impl Network {
    fn new(backbone: Backbone) -> Network {
        let [single, double] = [Kind::Float, Kind::Double].map(|kind| {
            let model = recipe_model(backbone, N_CLASSES, kind);
            // B-cos networks are nothing without the statistics that belong to their weights.
            if fixture(&format!("golden/{backbone}.safetensors")).exists() {
                load_buffers(&model, &tensors(&format!("golden/{backbone}.safetensors")));
            }
            model
        });
        Network { single, double }
    }

    /// Its own numbers as float32 has them, and `input`.
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

    /// The first point of `n_images` images of `size`×`size` at which no unit that `maps` depend on is
    /// next to being switched.
    fn clear_point(&self, n_images: i64, size: u64, maps: Reading) -> Point {
        let inputs = recipe_input(&self.double, (N_INPUTS * n_images) as u64, size);
        for index in 0..N_INPUTS {
            let point = self.point(&inputs.narrow(0, index * n_images, n_images));
            let read = |point: &Point| maps(&self.double, &point.take(&self.double));
            let here = read(&point);
            let is_smooth = |draw: u64| {
                let [to, fro] = [FAR, -FAR].map(|step| read(&point.moved(step, draw)));
                let ends = to.iter().zip(&fro).zip(&here);
                let left = ends.map(|(((_, to), (_, fro)), (_, here))| {
                    relative(&((to + fro) / 2.0), here)
                });
                let left = left.fold(0.0, f64::max);
                println!("input {index}, direction {draw}: {left:.1e} left");
                left < SMOOTH
            };
            if (0..N_DIRECTIONS).all(is_smooth) {
                return point;
            }
        }
        panic!("no input at which nothing is next to being switched");
    }

    /// Holds float32 at `point` against float64, and gives for each value what the difference may be.
    fn compare(&self, point: &Point, read: Reading) -> (Values, Vec<f64>) {
        let at = |point: &Point, model: &Model| read(model, &point.take(model));
        let (exact, found) = (at(point, &self.double), at(point, &self.single));
        let mut allowed = vec![LEAST; found.len()];
        for draw in 0..N_ROUNDINGS {
            let again = at(&point.moved(UNIT, draw), &self.single);
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
            assert!(off < *allowed, "{}: {what}: {off:e} off, {allowed:e} allowed", self.single.backbone);
        }
        (exact, allowed)
    }
}

/// The attributions that guide it, without those that walk the same way back.
fn attributions(model: &Model) -> &'static [Attribution] {
    match model.backbone.is_bcos() {
        true => &[Attribution::Bcos],
        false => &[Attribution::Ixg, Attribution::Gradcam],
    }
}

/// What a B-cos network's constant bias, −6.9, would hide.
fn evidence(model: &Model, logits: &Tensor) -> Tensor {
    match model.backbone.is_bcos() {
        true => logits - (0.001f64 / 0.999).ln(),
        false => logits.shallow_clone(),
    }
}

/// Maps of the classes of [`CLASSES`], and the logits they explain.
fn explained(
    model: &Model,
    input: &Tensor,
    layer: Layer,
    attribution: Attribution,
    mode: Mode,
) -> (Tensor, Tensor) {
    let features = tch::no_grad(|| model.features(input, layer, mode)).unwrap();
    let explainable =
        Explainable::new(model, attribution, layer, &features, mode, Order::First).unwrap();
    let pairs: Vec<(i64, i64)> = (0..input.size()[0]).zip(CLASSES).collect();
    let maps = explainable.maps(&pairs).unwrap();
    (maps, evidence(model, explainable.logits()))
}

/// In evaluation the map at the input depends on every unit.
fn map_at_the_input(model: &Model, input: &Tensor) -> Values {
    let attribution = attributions(model)[0];
    let (maps, _) = explained(model, input, Layer::Input, attribution, Mode::Eval);
    vec![("map".to_owned(), maps)]
}

/// Features, evidence and maps in evaluation.
fn evaluated(model: &Model, input: &Tensor) -> Values {
    let mut values = Values::new();
    for &layer in Layer::ALL {
        let features = tch::no_grad(|| model.features(input, layer, Mode::Eval)).unwrap();
        values.push((format!("features at {layer}"), features));
        for &attribution in attributions(model) {
            let (maps, evidence) = explained(model, input, layer, attribution, Mode::Eval);
            values.push((format!("evidence from {layer}"), evidence));
            values.push((format!("{attribution} at {layer}"), maps));
        }
    }
    values
}

/// Layers whose maps are guided here: before them there are too many units for an input at which none
/// is next to zero.
const GUIDED: [Layer; 2] = [Layer::Mid3, Layer::Final];

/// Of guided maps the positive part, as PPCE jumps where a pixel becomes positive.
fn guided_maps(model: &Model, input: &Tensor) -> Values {
    let mut values = Values::new();
    for layer in GUIDED {
        for &attribution in attributions(model) {
            let (maps, _) = explained(model, input, layer, attribution, Mode::Train);
            values.push((format!("{attribution} at {layer}"), maps.clamp_min(0.0)));
        }
    }
    values
}

/// Losses in training, with batch statistics.
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
    let explained = Explained {
        pairs,
        annotated: vec![0, 1],
        masks: masks(&boxes, Grid::square(size as usize)).to_kind(input.kind()),
        area_powers: None,
    };
    let mut values = Values::new();
    for layer in GUIDED {
        for &attribution in attributions(model) {
            for loss in [
                LocalizationLoss::Energy,
                LocalizationLoss::L1,
                LocalizationLoss::Ppce,
                LocalizationLoss::Rrr,
            ] {
                let guide = Guide {
                    attribution,
                    layer,
                    loss,
                    lambda: 1.0,
                };
                let terms = objective::guided(model, input, &targets, guide, &explained).unwrap();
                let localization = terms.localization.unwrap().detach();
                values.push((format!("{loss} of {attribution} at {layer}"), localization));
                values.push((format!("class loss beside {layer}"), terms.class.detach()));
            }
        }
    }
    values
}

fn network(backbone: Backbone) {
    let network = Network::new(backbone);
    let point = network.clear_point(1, 32, map_at_the_input);
    let (exact, allowed) = network.compare(&point, evaluated);
    let point2 = network.clear_point(3, 64, guided_maps);
    network.compare(&point2, guided_losses);
    // exploration
    for index in 0..point.numbers.len() {
        let t = &point.numbers[index];
        let largest = t.abs().flatten(0, -1).argmax(0, false).int64_value(&[]);
        let mut changed = Point { names: point.names.clone(), numbers: point.numbers.iter().map(|t| t.copy()).collect(), input: point.input.copy() };
        let flat = changed.numbers[index].view(-1);
        let _ = flat.get(largest).g_mul_scalar_(1.001);
        let found = evaluated(&network.single, &changed.take(&network.single));
        let (mut e, mut m) = (0f64, 0f64);
        for (((what, found), (_, exact)), allowed) in found.iter().zip(&exact).zip(&allowed) {
            let r = relative(found, exact) / allowed;
            if what.starts_with("evidence") { e = e.max(r) } else if !what.starts_with("features") { m = m.max(r) }
        }
        println!("CONTROL {} evidence {e:.2} maps {m:.2}", point.names[index]);
        let _ = &mut changed;
    }
}

#[test]
fn resnet18() {
    network(Backbone::Resnet18);
}

#[test]
fn resnet50() {
    network(Backbone::Resnet50);
}

#[test]
fn xdnn_resnet18() {
    network(Backbone::XdnnResnet18);
}

#[test]
fn xdnn_resnet50() {
    network(Backbone::XdnnResnet50);
}

#[test]
fn bcos_resnet18() {
    network(Backbone::BcosResnet18);
}

#[test]
fn bcos_resnet50() {
    network(Backbone::BcosResnet50);
}

#[test]
fn bcos_densenet121() {
    network(Backbone::BcosDensenet121);
}

#[test]
fn bcos_simple_vit_s() {
    network(Backbone::BcosSimpleVitS);
}

#[test]
fn bcos_vitc_s() {
    network(Backbone::BcosVitcS);
}

#[test]
fn efficientnet_lite0() {
    network(Backbone::EfficientnetLite0);
}
