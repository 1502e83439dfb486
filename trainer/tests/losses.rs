//! Tests the localization losses: at maps whose loss is known (docs/SPEC.md J.3, J.4), and Energy against the
//! metric EPG (energy pointing game: the share of a map's positive part inside the mask) of the evaluator. If a map
//! is all zeros, a mask is empty or an image has no label, losses and gradients must stay finite.
#![allow(clippy::unwrap_used)]

mod support;

use data_prep::geometry::Grid;
use support::{mask, masks, named, recipe_input, recipe_model, relative, scalar, uniform};
use tch::{Device, Kind, Tensor};
use trainer::explain::attribution::Attribution;
use trainer::explain::methods::bcos::BCOS;
use trainer::explain::methods::gradcam::GRADCAM;
use trainer::explain::methods::ixg::IXG;
use trainer::guide::loss::{LocalizationLoss, Loss};
use trainer::guide::losses::energy::ENERGY;
use trainer::guide::losses::energy_area::ENERGY_AREA;
use trainer::guide::losses::l1::L1;
use trainer::guide::losses::ppce::PPCE;
use trainer::guide::losses::rrr::RRR;
use trainer::guide::objective::{self, LocalizationTerm, MaskTargets};
use trainer::names::Layer;
use trainer::network::{Backbone, Model};

/// Height and width of the maps and masks.
const SIZE: usize = 16;
/// [x1, y1, x2, y2] in cells.
const BOX: [i32; 4] = [3, 2, 11, 9];

/// The losses whose values the tests below know.
const LOSSES: [LocalizationLoss; 5] = [ENERGY, L1, PPCE, RRR, ENERGY_AREA];

/// Returns `loss` with its default options, and 1 for an option without a default.
fn chosen(loss: LocalizationLoss) -> Loss {
    let needed = loss
        .options
        .iter()
        .filter(|option| option.default.is_none());
    let needed: Vec<(&str, f64)> = needed.map(|option| (option.name, 1.0)).collect();
    Loss::new(loss, &needed).unwrap()
}

/// Returns the loss of one map (h, w), with the mask of `boxes` on the grid and an area of 1.
fn loss_of(loss: LocalizationLoss, map: &Tensor, boxes: &[[i32; 4]], grid: Grid) -> f64 {
    let masks = masks(&[boxes.to_vec()], grid).to_kind(map.kind());
    let values = chosen(loss).values(&map.unsqueeze(0), &masks, &[1.0]);
    scalar(&values.unwrap())
}

/// Returns the mask of [`BOX`] as a map: 1 inside, 0 outside.
fn inside() -> Tensor {
    masks(&[vec![BOX]], Grid::square(SIZE)).squeeze_dim(0)
}

/// Returns a map with values of both signs.
fn random_map() -> Tensor {
    uniform("map", &[SIZE as i64, SIZE as i64]) - 0.4
}

#[test]
fn losses_of_perfect_maps_are_zero() {
    let at = |loss, map: &Tensor| loss_of(loss, map, &[BOX], Grid::square(SIZE));
    // The mask itself as the map, also at another scale: losses do not depend on a map's scale.
    for map in [inside(), inside() * 1e3] {
        for loss in LOSSES {
            assert_eq!(at(loss, &map), 0.0, "{loss}");
        }
    }
    let everywhere = inside().ones_like();
    assert_eq!(at(PPCE, &everywhere), 0.0);
    let inside_only = random_map() * inside();
    assert_eq!(at(ENERGY, &inside_only), 0.0);
    assert_eq!(at(RRR, &inside_only), 0.0);
}

/// A map of 1 outside the mask and 0 inside. PPCE's logarithm is at least −100.
#[test]
fn losses_of_opposite_maps_are_the_largest() {
    let at = |loss, map: &Tensor| loss_of(loss, map, &[BOX], Grid::square(SIZE));
    let outside = inside() * -1.0 + 1.0;
    let n_outside = scalar(&outside.sum(None));
    assert_eq!(at(ENERGY, &outside), 1.0);
    assert_eq!(at(L1, &outside), 1.0);
    assert_eq!(at(PPCE, &outside), 100.0);
    assert_eq!(at(RRR, &outside), n_outside);
    // RRR* also punishes negative contributions outside the mask, which the other losses ignore.
    let negative = &outside * -0.5 + inside();
    assert_eq!(at(RRR, &negative), 0.25 * n_outside);
    for loss in [ENERGY, L1, PPCE] {
        assert_eq!(at(loss, &negative), 0.0, "{loss}");
    }
}

/// Energy is one minus the evaluator's EPG, for a map of the grid's size and for smaller maps.
#[test]
fn energy_is_one_minus_the_reported_epg() {
    let grid = Grid::square(224);
    let boxes = [[30, 40, 120, 90], [100, 60, 200, 223]];
    for size in [7, 14, 56, 224] {
        let map = (uniform("map", &[size, size]) - 0.5).to_kind(Kind::Float);
        let found = loss_of(ENERGY, &map.to_kind(Kind::Double), &boxes, grid);
        let map = Vec::<f32>::try_from(map.flatten(0, 1)).unwrap();
        let shape = (size as usize, size as usize);
        let score = evaluator::score_pair(&map, shape, &mask(&boxes, grid), 0.5);
        let expected = 1.0 - score.epg.unwrap();
        assert!(
            (found - expected).abs() < 1e-6,
            "{size}: {found}, expected {expected}"
        );
    }
}

/// A uniform map's EPG is the mask's share of the grid. For a box around the whole image that is below 1, as
/// the last row and column are excluded.
#[test]
fn energy_of_a_uniform_map_is_the_area_outside() {
    let grid = Grid::square(224);
    let map = Tensor::full([224, 224], 0.3, (Kind::Double, Device::Cpu));
    let found = loss_of(ENERGY, &map, &[[0, 0, 223, 223]], grid);
    let expected = 1.0 - 223.0 * 223.0 / (224.0 * 224.0);
    assert!((found - expected).abs() < 1e-12, "{found}");
}

#[test]
fn losses_do_not_depend_on_the_scale_of_a_map() {
    for loss in LOSSES {
        let at = |map: &Tensor| loss_of(loss, map, &[BOX], Grid::square(SIZE));
        let (one, other) = (at(&random_map()), at(&(random_map() * 1e-3)));
        assert!(
            one > 0.0 && (one - other).abs() < 1e-9 * one,
            "{loss}: {one}, {other}"
        );
    }
}

/// For every loss, at maps of the masks' size and at smaller ones that are up-sampled: the gradient must
/// equal the numeric derivative, and one image's loss must not depend on another's map.
#[test]
fn gradients_are_derivatives_of_each_image_alone() {
    const STEP: f64 = 1e-6;
    for &of in LocalizationLoss::ALL {
        for size in [4i64, 16] {
            let masks = masks(&[vec![BOX], vec![[1, 1, 14, 6]]], Grid::square(SIZE));
            let areas = [56.0, 65.0];
            let maps = uniform("maps", &[2, size, size]) - 0.4;
            let direction = uniform("direction", &[2, size, size]) - 0.5;
            let values = |maps: &Tensor| chosen(of).values(maps, &masks, &areas).unwrap();
            let at = maps.copy().set_requires_grad(true);
            let total = values(&at).sum(None);
            let gradient = Tensor::run_backward(&[&total], &[&at], false, false).remove(0);
            let analytic = scalar(&(gradient * &direction).sum(None));
            let moved = |step: f64| scalar(&values(&(&maps + &direction * step)).sum(None));
            let numeric = (moved(STEP) - moved(-STEP)) / (2.0 * STEP);
            let miss = (analytic - numeric).abs() / numeric.abs().max(1e-3);
            assert!(
                miss < 1e-5,
                "{of}, {size}: {analytic:e}, numeric {numeric:e}"
            );
            let alone =
                chosen(of).values(&maps.narrow(0, 1, 1), &masks.narrow(0, 1, 1), &areas[1..]);
            let (alone, both) = (scalar(&alone.unwrap()), scalar(&values(&maps).get(1)));
            assert!(
                (alone - both).abs() <= 1e-12 * both.abs(),
                "{of}: {alone} {both}"
            );
        }
    }
}

/// A guided loss on three images of 32×32.
struct Batch {
    term: LocalizationTerm,
    /// (image, class).
    labels: Vec<(i64, i64)>,
    mask_targets: MaskTargets,
}

impl Batch {
    /// Three images with a label each; the first two have boxes.
    fn new(attribution: Attribution, layer: Layer, loss: LocalizationLoss) -> Self {
        let boxes = [vec![[4, 5, 20, 25]], vec![[10, 2, 30, 16]]];
        Batch {
            term: LocalizationTerm {
                attribution,
                layer,
                loss: chosen(loss),
                lambda: 0.5,
            },
            labels: vec![(0, 1), (1, 2), (2, 0)],
            mask_targets: MaskTargets {
                pairs: vec![(0, 1), (1, 2), (2, 0)],
                annotated: vec![0, 1],
                masks: masks(&boxes, Grid::square(32)),
                areas: vec![1.0; 2],
            },
        }
    }

    /// Computes the total loss, the localization term and the gradient at every trained tensor.
    fn run(&self, model: &Model) -> (f64, Option<f64>, Vec<Tensor>) {
        let input = recipe_input(model, 3, 32);
        let targets = Tensor::zeros([3, 3], (input.kind(), input.device()));
        for &(image, class) in &self.labels {
            let _ = targets.get(image).get(class).fill_(1.0);
        }
        let mask_targets = MaskTargets {
            pairs: self.mask_targets.pairs.clone(),
            annotated: self.mask_targets.annotated.clone(),
            masks: self.mask_targets.masks.to_kind(input.kind()),
            areas: vec![1.0; self.mask_targets.annotated.len()],
        };
        let terms = objective::guided(model, &input, &targets, &self.term, &mask_targets).unwrap();
        let trained = model.params.trained();
        let gradients = Tensor::run_backward(&[&terms.total], &trained, false, false);
        let gradients = gradients
            .into_iter()
            .zip(trained)
            .map(|(gradient, weight)| match gradient.defined() {
                true => gradient,
                false => weight.zeros_like(),
            })
            .collect();
        let localization = terms.localization.as_ref().map(scalar);
        (scalar(&terms.total), localization, gradients)
    }

    /// Asserts that loss and gradients are finite, and returns the localization term.
    fn finite(&self, model: &Model, what: &str) -> Option<f64> {
        let (total, localization, gradients) = self.run(model);
        let LocalizationTerm {
            attribution,
            layer,
            loss,
            ..
        } = &self.term;
        let what = format!("{}: {what}: {loss} {attribution}@{layer}", model.backbone);
        assert!(total.is_finite(), "{what}: {total}");
        for (gradient, param) in gradients.iter().zip(trained(model)) {
            assert!(
                gradient.isfinite().all().int64_value(&[]) == 1,
                "{what}: gradient at {param}"
            );
        }
        localization
    }
}

/// Returns the names of the trained tensors.
fn trained(model: &Model) -> Vec<&str> {
    let entries = model.params.entries().iter().filter(|p| p.is_trained);
    entries.map(|p| p.name.as_str()).collect()
}

/// Returns a network of each family with attribution methods that can guide it.
fn families() -> [(Backbone, Vec<Attribution>); 4] {
    let gradients = vec![IXG, GRADCAM];
    [
        (named("resnet18"), gradients.clone()),
        (named("xdnn_resnet18"), gradients),
        (named("bcos_resnet18"), vec![BCOS, IXG, GRADCAM]),
        (named("bcos_simple_vit_s"), vec![BCOS]),
    ]
}

/// Replaces a tensor of the network by `change` of it.
fn set(model: &Model, name: &str, change: impl Fn(&Tensor) -> Tensor) {
    let entries = model.params.entries();
    let entry = entries.iter().find(|entry| entry.name == name).unwrap();
    tch::no_grad(|| {
        let changed = change(&entry.tensor);
        entry.tensor.shallow_clone().copy_(&changed)
    });
}

/// The loss of a map of zeros, with a mask and with an empty one, is the known value, and its gradient small.
#[test]
fn maps_of_zeros() {
    for loss in LOSSES {
        for boxes in [vec![], vec![[1, 1, 3, 3]]] {
            for size in [4, 2] {
                let map = Tensor::zeros([1, size, size], (Kind::Float, Device::Cpu));
                let map = map.set_requires_grad(true);
                let masks =
                    masks(std::slice::from_ref(&boxes), Grid::square(4)).to_kind(Kind::Float);
                let value = chosen(loss).values(&map, &masks, &[1.0]).unwrap();
                let gradient = Tensor::run_backward(&[&value], &[&map], false, false).remove(0);
                // The box has 4 of 16 cells. PPCE is 100, at which its logarithm is clamped, or 0 where the
                // mask is empty.
                let n_inside = 4.0 * boxes.len() as f64;
                let expected = match loss.name {
                    "energy" | "energy_area" => 1.0,
                    "l1" => n_inside / 16.0,
                    "ppce" => 25.0 * n_inside,
                    _ => 0.0,
                };
                assert_eq!(scalar(&value), expected, "{loss}, {boxes:?}");
                // Small, not merely finite: a step along a huge gradient would ruin the weights.
                let largest = scalar(&gradient.abs().max());
                let bound = match loss.name {
                    "ppce" | "rrr" => 0.0,
                    _ => 1.0,
                };
                assert!(largest <= bound, "{loss}, {boxes:?}: {gradient:?}");
            }
        }
    }
}

/// GradCAM maps without positive values, as every head weight is negative: there is nothing to localise, so
/// the gradient must be that of the classification loss alone.
#[test]
fn nothing_positive_in_gradcam() {
    for kind in [Kind::Float, Kind::Double] {
        let model = recipe_model(named("xdnn_resnet18"), 3, kind);
        set(&model, "fc.weight", |weight| -weight.abs());
        let mut batch = Batch::new(GRADCAM, Layer::Final, ENERGY);
        for loss in LOSSES {
            batch.term.loss = chosen(loss);
            let localization = batch.finite(&model, "nothing positive").unwrap();
            // The sum over two annotated images of what a map of zeros gives: 1 for Energy, the mask's share
            // of the 32×32 pixels for L1, 100 for PPCE.
            let expected = match loss.name {
                "energy" | "energy_area" => 2.0,
                "l1" => (16.0 * 20.0 + 20.0 * 14.0) / 1024.0,
                "ppce" => 200.0,
                _ => 0.0,
            };
            assert!(
                (localization - expected).abs() < 1e-5,
                "{loss}: {localization}"
            );
            let guided = batch.run(&model).2;
            let annotated = std::mem::take(&mut batch.mask_targets.annotated);
            let plain = batch.run(&model).2;
            batch.mask_targets.annotated = annotated;
            for ((guided, plain), name) in guided.iter().zip(&plain).zip(trained(&model)) {
                let difference = relative(guided, plain);
                assert!(
                    difference < 1e-4,
                    "{loss}: gradient at {name}: {difference:e}"
                );
            }
        }
    }
}

/// With a head of zeros every map is zero; losses and gradients must be finite.
#[test]
fn maps_of_a_head_of_zeros() {
    for (backbone, attributions) in families() {
        if backbone.has_dynamic_weights {
            continue; // a B-cos layer divides by the norm of its weights
        }
        let model = recipe_model(backbone, 3, Kind::Float);
        set(&model, "fc.weight", Tensor::zeros_like);
        for attribution in attributions {
            for &loss in LocalizationLoss::ALL {
                let batch = Batch::new(attribution, Layer::Input, loss);
                batch.finite(&model, "a head of zeros");
            }
        }
    }
}

/// Where both annotated images have an empty mask, losses and gradients are finite. Energy is 1 for each.
#[test]
fn masks_without_a_pixel() {
    for (backbone, attributions) in families() {
        let model = recipe_model(backbone, 3, Kind::Float);
        for attribution in attributions {
            let layer = Layer::Input;
            for loss in LOSSES {
                let mut batch = Batch::new(attribution, layer, loss);
                batch.mask_targets.masks = batch.mask_targets.masks.zeros_like();
                let localization = batch.finite(&model, "masks of zeros").unwrap();
                match loss.name {
                    "energy" | "energy_area" => {
                        assert_eq!(localization, 2.0)
                    }
                    "ppce" => assert_eq!(localization, 0.0),
                    _ => {
                        assert!(localization >= 0.0);
                    }
                }
            }
        }
    }
}

/// An image without a label has no class to explain; it only counts for the classification loss.
#[test]
fn images_without_labels() {
    for (backbone, attributions) in families() {
        let model = recipe_model(backbone, 3, Kind::Float);
        for attribution in attributions {
            for layer in [Layer::Input, Layer::Mid3] {
                let mut batch = Batch::new(attribution, layer, ENERGY);
                // The first image has none, the second is annotated.
                batch.labels.remove(0);
                batch.mask_targets.pairs.remove(0);
                batch.mask_targets.annotated = vec![1];
                batch.mask_targets.masks = batch.mask_targets.masks.narrow(0, 1, 1);
                let localization = batch.finite(&model, "an image without labels").unwrap();
                assert!(localization > 0.0 && localization <= 1.0, "{localization}");
                // No image has one.
                batch.labels.clear();
                batch.mask_targets.pairs.clear();
                batch.mask_targets.annotated.clear();
                batch.mask_targets.masks = batch.mask_targets.masks.narrow(0, 0, 0);
                assert_eq!(batch.finite(&model, "no labels at all"), None);
            }
        }
    }
}

/// The localization term is a sum over annotated images (docs/SPEC.md H.1). In a network without batch
/// statistics it must equal the sum of the terms of each image alone.
#[test]
fn the_localization_term_is_a_sum_over_annotated_images() {
    let model = recipe_model(named("xdnn_resnet18"), 3, Kind::Double);
    for &loss in LocalizationLoss::ALL {
        let both = Batch::new(IXG, Layer::Mid1, loss);
        let (total, localization, _) = both.run(&model);
        let mut alone = 0.0;
        for row in 0..2 {
            let mut batch = Batch::new(IXG, Layer::Mid1, loss);
            batch.mask_targets.annotated = vec![row];
            batch.mask_targets.masks = batch.mask_targets.masks.narrow(0, row, 1);
            alone += batch.run(&model).1.unwrap();
        }
        let localization = localization.unwrap();
        assert!(
            (localization - alone).abs() < 1e-10 * alone,
            "{loss}: {localization}, one by one {alone}"
        );
        let mut plain = both;
        plain.mask_targets.annotated.clear();
        let class = plain.run(&model).0;
        let expected = class + 0.5 * localization;
        assert!(
            (total - expected).abs() < 1e-10 * expected,
            "{loss}: {total}"
        );
    }
}
