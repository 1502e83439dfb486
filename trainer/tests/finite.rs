//! Tests that non-finite values (NaN, ±∞) do not get lost inside any network: a NaN in the first layer, or
//! activations that overflow anywhere, must show as a non-finite logit, loss, gradient or norm statistic,
//! where the program looks for them. Whether an overflow matters is judged by the same network in float64, which
//! does not overflow: float32 results must be close to float64's or non-finite.
#![allow(clippy::unwrap_used)]

mod support;

use data_prep::geometry::Grid;
use support::{device, masks, named, recipe_input, recipe_model, relative};
use tch::{Kind, Tensor};
use trainer::explain::attribution::{Attribution, Explainable};
use trainer::explain::gradients::Order;
use trainer::explain::methods::bcos::BCOS;
use trainer::explain::methods::intgrad::INTGRAD;
use trainer::guide::loss::Loss;
use trainer::guide::losses::energy::ENERGY;
use trainer::guide::objective::{self, LocalizationTerm, MaskTargets};
use trainer::names::{Layer, Precision};
use trainer::network::pass::fused;
use trainer::network::{Backbone, Mode, Model};
use trainer::train::adam::{Adam, WeightDecay};
use trainer::weights::checkpoint;
use trainer::weights::import::{self, Fit};

const N_CLASSES: usize = 3;
/// What is explained: (image in the batch, class).
const PAIRS: [(i64, i64); 2] = [(0, 1), (1, 2)];

/// Returns the attribution methods defined for a network.
fn attributions(backbone: Backbone) -> Vec<Attribution> {
    Attribution::defined_for(backbone, Order::First)
}

/// Computes, as `trainer explain` does, the logits and, if `attribution` is given, the maps of [`PAIRS`].
fn explained(
    model: &Model,
    input: &Tensor,
    layer: Layer,
    attribution: Option<Attribution>,
) -> (Tensor, Option<Tensor>) {
    let features = tch::no_grad(|| model.features(input, layer, Mode::Eval)).unwrap();
    let features = features.detach();
    let default = Attribution::usual(model.backbone);
    let explainable = Explainable::new(
        model,
        attribution.unwrap_or(default),
        layer,
        &features,
        Mode::Eval,
        Order::First,
    )
    .unwrap();
    let maps = attribution.map(|_| explainable.maps(&PAIRS).unwrap().detach());
    (explainable.logits().detach(), maps)
}

/// Computes a training step as `trainer train` does, guided if a `layer` is given. Returns the five losses and sums
/// that the program checks, and whether all tensors of the network (the statistics of norms too), which it also
/// checks, are finite.
fn step(model: &Model, input: &Tensor, layer: Option<Layer>) -> (Tensor, bool) {
    let kind = model.params.kind();
    let targets = Tensor::zeros([2, N_CLASSES as i64], (kind, device()));
    let terms = match layer {
        None => objective::plain(model, input, &targets),
        Some(layer) => {
            let term = LocalizationTerm {
                attribution: attributions(model.backbone)[0],
                layer,
                loss: Loss::new(ENERGY, &[]).unwrap(),
                lambda: 0.01,
            };
            let boxes = vec![vec![[2, 3, 20, 22]], vec![[8, 8, 30, 30]]];
            let masks = masks(&boxes, Grid::square(input.size()[2] as usize));
            let mask_targets = MaskTargets {
                pairs: PAIRS.to_vec(),
                annotated: vec![0, 1],
                masks: masks.to_kind(kind),
                areas: Vec::new(),
            };
            objective::guided(model, input, &targets, &term, &mask_targets)
        }
    };
    let terms = terms.unwrap();
    let adam = Adam::new(model.params.trained(), WeightDecay::NONE).unwrap();
    let values = terms.values(&adam.gradient(&terms.total).unwrap());
    let is_whole = model.params.first_spoilt().unwrap().is_none();
    (values.unwrap(), is_whole)
}

fn are_finite(tensor: &Tensor) -> bool {
    tensor.isfinite().all().int64_value(&[]) == 1
}

/// Whether every image's row has a non-finite value.
fn is_noticed_in_every_row(tensor: &Tensor) -> bool {
    let is_finite = tensor.isfinite().all_dim(1, false);
    is_finite.any().int64_value(&[]) == 0
}

/// Returns the first weight with more than one axis: a convolution's, except in `bcos_simple_vit_s`.
fn first_weight(model: &Model) -> Tensor {
    let mut entries = model.params.entries().iter();
    let first = entries.find(|entry| entry.tensor.dim() > 1).unwrap();
    first.tensor.detach()
}

/// The networks of the list, and of those that differ in size alone one.
fn networks() -> impl Iterator<Item = Backbone> {
    let larger = [
        "resnet34",
        "resnet50",
        "resnet101",
        "lite0",
        "lite1",
        "lite2",
    ];
    Backbone::all().filter(move |backbone| match backbone.is_bcosified {
        true => !larger.iter().any(|size| backbone.name.ends_with(size)),
        false => !["efficientnet_lite1", "efficientnet_lite2"].contains(&backbone.name),
    })
}

#[test]
fn a_nan_in_the_first_weight_shows_in_the_logits_of_every_image() {
    for backbone in networks() {
        for precision in [Precision::F32, Precision::Bf16] {
            let mut model = recipe_model(backbone, N_CLASSES, Kind::Float);
            model.precision = precision;
            let input = recipe_input(&model, 2, 64);
            for &layer in Layer::ALL {
                assert!(are_finite(&explained(&model, &input, layer, None).0));
            }
            let _ = first_weight(&model).view([-1]).get(1).fill_(f64::NAN);
            for &layer in Layer::ALL {
                let (logits, _) = explained(&model, &input, layer, None);
                assert!(
                    is_noticed_in_every_row(&logits),
                    "{backbone} in {precision} at {layer}: {logits}"
                );
            }
        }
    }
}

#[test]
fn a_nan_in_the_first_weight_shows_in_a_step() {
    for backbone in networks() {
        for (precision, layers) in [
            (
                Precision::F32,
                vec![None, Some(Layer::Final), Some(Layer::Input)],
            ),
            (Precision::Bf16, vec![None]),
        ] {
            for layer in layers {
                let mut model = recipe_model(backbone, N_CLASSES, Kind::Float);
                model.precision = precision;
                let input = recipe_input(&model, 2, 32);
                // In images of 32 pixels, some weights of a kernel only meet zeros of the padding. The middle one
                // does not.
                let weight = first_weight(&model).view([-1]);
                let middle = weight.size()[0] / 2;
                let _ = weight.get(middle).fill_(f64::NAN);
                let (values, _) = step(&model, &input, layer);
                assert!(
                    !are_finite(&values),
                    "{backbone} in {precision}, {layer:?}: {values}"
                );
            }
        }
    }
}

/// A network in float32 and a copy of it in float64. One tensor at a time is changed, in both alike.
struct Twins([Model; 2]);

impl Twins {
    fn new(backbone: Backbone) -> Self {
        let narrow = recipe_model(backbone, N_CLASSES, Kind::Float);
        let wide = Model::new(backbone, N_CLASSES, 0, device(), Kind::Double).unwrap();
        wide.params
            .load(&narrow.params.named(), &[], "twin")
            .unwrap();
        Twins([narrow, wide])
    }

    /// Returns the indices of four weights, the first and the last among them. Biases are left out: a huge bias does
    /// not overflow, it only makes all other digits vanish.
    fn chosen(&self) -> Vec<usize> {
        let entries = self.0[0].params.entries();
        let is_weight = |&at: &usize| entries[at].is_trained && !entries[at].name.ends_with("bias");
        let weights: Vec<usize> = (0..entries.len()).filter(is_weight).collect();
        let n = weights.len();
        [0, 1, n / 2, n - 1].map(|index| weights[index]).to_vec()
    }

    /// Multiplies each of the chosen weights by each of [`FACTORS`] in turn, calls `look` with both networks
    /// and a description of the change, and undoes it.
    fn spoilt(&self, mut look: impl FnMut(&[Model; 2], &str)) {
        for at in self.chosen() {
            for factor in FACTORS {
                let before = self.0.each_ref().map(|model| {
                    let tensor = model.params.entries()[at].tensor.detach();
                    let _ = model.params.entries()[at]
                        .tensor
                        .detach()
                        .g_mul_scalar_(factor);
                    (tensor.copy() / factor, model.params.copy_buffers().unwrap())
                });
                let name = &self.0[0].params.entries()[at].name;
                look(&self.0, &format!("{name} × {factor:e}"));
                for (model, (tensor, buffers)) in self.0.iter().zip(before) {
                    model.params.entries()[at].tensor.detach().copy_(&tensor);
                    model.params.restore_buffers(&buffers).unwrap();
                }
            }
        }
    }
}

/// With the first factor, 2^63, squares overflow in float32; with the second, 2^124, sums of products do. In float64
/// neither happens. They are powers of two, so that a division restores the weights exactly.
const FACTORS: [f64; 2] = [(1u64 << 63) as f64, ((1u128 << 124) as f64)];

/// Logits and maps in float32 must be non-finite or within 1 % of those in float64; something must overflow.
#[test]
fn an_overflow_in_evaluation_is_noticed_or_does_not_matter() {
    for backbone in networks() {
        let mut n_noticed = 0;
        let twins = Twins::new(backbone);
        let inputs = twins.0.each_ref().map(|model| recipe_input(model, 2, 32));
        twins.spoilt(|models, what| {
            for layer in [Layer::Input, Layer::Final] {
                let attribution = backbone.has_dynamic_weights.then_some(BCOS);
                let [narrow, wide] =
                    [0, 1].map(|i| explained(&models[i], &inputs[i], layer, attribution));
                assert!(are_finite(&wide.0), "{backbone}: {what} in float64");
                if !are_finite(&narrow.0) {
                    n_noticed += 1;
                    continue;
                }
                let distance = relative(&narrow.0, &wide.0);
                assert!(
                    distance < 1e-2,
                    "{backbone} at {layer}, {what}: {distance:e}: {} {}",
                    narrow.0,
                    wide.0
                );
                if let (Some(narrow), Some(wide)) = (narrow.1, wide.1)
                    && are_finite(&narrow)
                {
                    let distance = relative(&narrow, &wide);
                    assert!(
                        distance < 1e-2,
                        "{backbone} at {layer}, {what}: {distance:e}"
                    );
                }
            }
        });
        println!("{backbone}: noticed {n_noticed}");
        assert!(n_noticed > 0, "{backbone}: nothing overflowed");
    }
}

/// The same for an unguided training step and its class loss.
#[test]
fn an_overflow_in_a_step_is_noticed_or_does_not_matter() {
    for backbone in networks() {
        let mut n_noticed = 0;
        let twins = Twins::new(backbone);
        let inputs = twins.0.each_ref().map(|model| recipe_input(model, 2, 64));
        twins.spoilt(|models, what| {
            let (values, is_whole) = step(&models[0], &inputs[0], None);
            if !is_whole || !are_finite(&values) {
                n_noticed += 1;
                return;
            }
            let (expected, _) = step(&models[1], &inputs[1], None);
            let [found, expected] = [&values, &expected].map(|t| t.narrow(0, 0, 1));
            let distance = relative(&found, &expected);
            assert!(
                distance < 1e-2,
                "{backbone}, {what}: {distance:e}: {found} {expected}"
            );
        });
        println!("{backbone}: noticed {n_noticed}");
        assert!(n_noticed > 0, "{backbone}: nothing overflowed");
    }
}

/// Our ReLU and ReLU6 with gradients off: ReLU keeps NaN and ∞ and makes NaN of −∞, ReLU6 makes NaN of all three. A
/// ReLU written with `max` would hide some of them.
#[test]
fn rectifiers_do_not_hide_what_is_not_finite() {
    // 42 values: enough for libtorch's vector instructions, and a rest that is computed one by one.
    let values = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -1.0, 3.0, 7.0].repeat(7);
    let given = |kind| {
        Tensor::from_slice(&values)
            .to_kind(kind)
            .to_device(device())
    };
    let is_nan = |t: &Tensor| Vec::<bool>::try_from(t.isnan()).unwrap()[..6].to_vec();
    tch::no_grad(|| {
        for kind in [Kind::Float, Kind::Double] {
            let rectified = fused::rectify(given(kind)).unwrap();
            assert_eq!(is_nan(&rectified), [true, false, true, false, false, false]);
            assert_eq!(rectified.double_value(&[1]), f64::INFINITY);
            let bounded = fused::rectify_to_6(given(kind)).unwrap();
            assert_eq!(is_nan(&bounded), [true, true, true, false, false, false]);
            for (t, expected) in [(&rectified, [0.0, 3.0, 7.0]), (&bounded, [0.0, 3.0, 6.0])] {
                let found = [3, 4, 5].map(|at| t.double_value(&[at]));
                assert_eq!(found, expected);
            }
            assert_eq!(
                rectified
                    .narrow(0, 6, 36)
                    .isnan()
                    .sum(Kind::Int64)
                    .int64_value(&[]),
                12
            );
            assert_eq!(
                bounded
                    .narrow(0, 6, 36)
                    .isnan()
                    .sum(Kind::Int64)
                    .int64_value(&[]),
                18
            );
        }
    });
    // The derivative is ReLU's: 0 up to 0, then 1.
    let at = Tensor::from_slice(&[-2f64, 0.0, 1.5]).set_requires_grad(true);
    let sum =
        (fused::rectify(&at * 1.0).unwrap() * Tensor::from_slice(&[3f64, 4.0, 5.0])).sum(None);
    let gradient = Tensor::run_backward(&[sum], &[&at], false, false).remove(0);
    assert_eq!(gradient, Tensor::from_slice(&[0f64, 0.0, 5.0]));
}

/// Integrated gradients along a path with infinite logits must give a non-finite map. The program checks only
/// the image's own logits, not those at the path's midpoints, and the gradient does not depend on the bias
/// that makes them infinite.
#[test]
fn a_path_that_leads_through_infinity_has_no_map() {
    let model = recipe_model(named("resnet18"), N_CLASSES, Kind::Float);
    let input = recipe_input(&model, 2, 32);
    let features = tch::no_grad(|| model.features(&input, Layer::Final, Mode::Eval)).unwrap();
    let named = model.params.named();
    let head = |name: &str| {
        let found = named.iter().find(|(known, _)| known == name);
        found.unwrap().1.detach()
    };
    let _ = (head("fc.weight").fill_(0.0), head("fc.bias").fill_(0.0));
    let maps = |model: &Model| {
        let explainable = Explainable::new(
            model,
            INTGRAD,
            Layer::Final,
            &features.detach(),
            Mode::Eval,
            Order::First,
        )
        .unwrap();
        (
            explainable.logits().detach(),
            explainable.maps(&PAIRS).unwrap(),
        )
    };
    let (logits, map) = maps(&model);
    assert!(are_finite(&logits) && are_finite(&map));
    let _ = head("fc.bias").fill_(f64::INFINITY);
    let (_, map) = maps(&model);
    assert!(!are_finite(&map), "{map}");
}

/// Importing a file with a non-finite weight, in any floating type, is refused and writes nothing. The error
/// names the file, the tensor, the index and the value.
#[test]
fn an_import_refuses_weights_that_are_not_finite() {
    let folder = tempfile::tempdir().unwrap();
    let model = recipe_model(named("xdnn_resnet18"), N_CLASSES, Kind::Float);
    let name = "layer1.0.conv2.weight";
    let file = folder.path().join("w.safetensors");
    let out = folder.path().join("out.safetensors");
    let import = |kind: Kind, value: f64, fit: Fit| {
        let tensors: Vec<(String, Tensor)> = model
            .params
            .named()
            .into_iter()
            .map(|(known, tensor)| {
                let tensor = tensor.detach().to_kind(kind).copy();
                if known == name {
                    let _ = tensor.get(3).get(2).get(1).get(0).fill_(value);
                }
                (known, tensor)
            })
            .collect();
        checkpoint::save(&file, &tensors, &checkpoint::Metadata::new()).unwrap();
        let request = import::Request {
            license: None,
            backbone: named("xdnn_resnet18"),
            network_file: None,
            fit,
            entry: None,
            prefix: None,
            sha256: None,
        };
        import::import(&file, &request, &out).map_err(|error| error.to_string())
    };
    for kind in [Kind::Half, Kind::BFloat16, Kind::Float, Kind::Double] {
        for value in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 1e300] {
            if value == 1e300 && kind != Kind::Double {
                continue;
            }
            for fit in [Fit::Strict, Fit::Partial] {
                let (found, expected) = match value == 1e300 {
                    true => ("1e300".to_owned(), "a number that 32 bits can hold"),
                    false => (value.to_string(), "a finite number"),
                };
                let error = import(kind, value, fit).unwrap_err();
                let index = format!("{}: {name}[3, 2, 1, 0]", file.display());
                assert_eq!(
                    error,
                    format!("{index}: found {found}, expected {expected}")
                );
                assert!(!out.exists());
            }
        }
        import(kind, 0.5, Fit::Strict).unwrap();
        fs_err::remove_file(&out).unwrap();
    }
}
