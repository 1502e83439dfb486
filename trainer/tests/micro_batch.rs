//! Tests the option `micro_batch`, with which a training step is computed in several passes of fewer images:
//! gradient and loss terms, summed over the passes, must be those of a single pass, up to rounding in float64, for
//! every network that allows the option. For networks with batch norm they must differ, which is why it is refused
//! there.
#![allow(clippy::unwrap_used)]

mod support;

use data_prep::geometry::Grid;
use support::{masks, named, recipe_input, recipe_model, relative};
use tch::{Kind, TchError, Tensor};
use trainer::explain::attribution::Attribution;
use trainer::guide::loss::Loss;
use trainer::guide::losses::energy::ENERGY;
use trainer::guide::objective::{self, LocalizationTerm, MaskTargets};
use trainer::names::Layer;
use trainer::network::Backbone;
use trainer::train::adam::{Adam, WeightDecay};
use trainer::train::micro_batch::{self, Sum};

const N_CLASSES: i64 = 5;
/// Height and width of the images.
const SIZE: u64 = 32;
/// The class of each image; the fourth has no label.
const CLASSES: [Option<i64>; 5] = [Some(3), Some(4), Some(2), None, Some(0)];
/// The index of an image without boxes.
const NOT_ANNOTATED: i64 = 1;

/// Computes a step over five images in passes of `n_pass` images: the summed gradient and loss terms.
fn step(backbone: Backbone, term: &LocalizationTerm, n_pass: usize) -> Sum {
    let model = recipe_model(backbone, N_CLASSES as usize, Kind::Double);
    let adam = Adam::new(model.params.trained(), WeightDecay::NONE).unwrap();
    let input = recipe_input(&model, CLASSES.len() as u64, SIZE);
    let targets = Tensor::zeros([5, N_CLASSES], (Kind::Double, input.device()));
    for (image, class) in CLASSES.iter().enumerate() {
        if let Some(class) = class {
            let _ = targets.get(image as i64).get(*class).fill_(1.0);
        }
    }
    let images: Vec<i64> = (0..5).collect();
    micro_batch::sum(&images, n_pass, |pass, factor| {
        let (first, count) = (pass[0], pass.len() as i64);
        let labelled = pass.iter().filter_map(|&image| {
            let class = CLASSES[image as usize]?;
            Some((image - first, class))
        });
        let pairs: Vec<(i64, i64)> = labelled.collect();
        let rows = pairs.iter().map(|&(row, _)| row);
        let annotated: Vec<i64> = rows.filter(|row| row + first != NOT_ANNOTATED).collect();
        let boxes: Vec<Vec<[i32; 4]>> = annotated
            .iter()
            .map(|row| {
                let at = 3 * (row + first) as i32;
                vec![[at, 2, at + 17, 20 + at / 2]]
            })
            .collect();
        let mask_targets = MaskTargets {
            pairs,
            annotated,
            masks: masks(&boxes, Grid::square(SIZE as usize)),
            areas: Vec::new(),
        };
        let lambda = factor * term.lambda;
        let terms = objective::guided(
            &model,
            &input.narrow(0, first, count),
            &targets.narrow(0, first, count),
            &LocalizationTerm {
                lambda,
                ..term.clone()
            },
            &mask_targets,
        )?;
        let gradient = adam.gradient(&terms.total)?;
        Ok::<_, TchError>((terms, gradient))
    })
    .unwrap()
}

/// Returns an Energy loss on maps at `layer`, by the network's usual attribution method.
fn term(backbone: Backbone, layer: Layer) -> LocalizationTerm {
    let attribution = Attribution::usual(backbone);
    LocalizationTerm {
        attribution,
        layer,
        loss: Loss::new(ENERGY, &[]).unwrap(),
        lambda: 0.7,
    }
}

/// Returns the relative differences of gradient and terms between passes of `n_pass` images and a single
/// pass.
fn difference(backbone: Backbone, layer: Layer, n_pass: usize) -> [f64; 2] {
    let term = term(backbone, layer);
    let (whole, passes) = (step(backbone, &term, 5), step(backbone, &term, n_pass));
    // The fifth value, the gradient's sum, may be close to 0. It is left out, as the gradient itself is compared.
    let terms = |sum: &Sum| sum.values.narrow(0, 0, 4);
    [
        relative(&passes.gradient, &whole.gradient),
        relative(&terms(&passes), &terms(&whole)),
    ]
}

#[test]
fn passes_add_up_to_the_step() {
    for backbone in Backbone::all() {
        if backbone.has_batch_statistics {
            continue;
        }
        // Passes of 3 and 2 images; and of one image each, the fourth without a label.
        for (layer, n_pass) in [(Layer::Input, 3), (Layer::Mid2, 1)] {
            let off = difference(backbone, layer, n_pass);
            println!("{backbone} at {layer}, {n_pass} a pass: {off:?}");
            assert!(off.iter().all(|&off| off < 1e-10), "{backbone}: {off:?}");
        }
    }
}

#[test]
fn passes_do_not_add_up_where_images_see_each_other() {
    for backbone in [
        named("resnet18"),
        named("bcos_resnet18"),
        named("efficientnet_lite0"),
        named("bcos_densenet121"),
    ] {
        assert!(backbone.has_batch_statistics, "{backbone}");
        let [gradient, _] = difference(backbone, Layer::Input, 3);
        println!("{backbone}: {gradient}");
        assert!(gradient > 1e-3, "{backbone}: {gradient:e}");
    }
}
