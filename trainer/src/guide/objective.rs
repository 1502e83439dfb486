//! Computes the training objective of one batch, L = L_class + λ · Σ L_loc. L_class is the binary
//! cross-entropy of the logits, or for images of exactly one class the cross-entropy of their softmax;
//! L_loc, the localization loss, compares the attribution map of an annotated image with a mask, and is
//! summed over these images (paper section 3; docs/SPEC.md A.1, A.2).

use data_prep::dataset::Labels;
use tch::{Reduction, TchError, Tensor};

use crate::explain::attribution::{Attribution, Explainable};
use crate::explain::gradients::Order;
use crate::guide::distillation;
use crate::guide::loss::Loss;
use crate::machine::device;
use crate::names::Layer;
use crate::network::{Mode, Model};

/// The options of the localization term λ · Σ L_loc: which maps, which loss and which weight.
#[derive(Clone, Debug)]
pub struct LocalizationTerm {
    /// The method that makes the maps.
    pub attribution: Attribution,
    /// The layer whose maps are compared with masks.
    pub layer: Layer,
    /// The localization loss L_loc.
    pub loss: Loss,
    /// Its weight λ.
    pub lambda: f64,
}

/// The targets of a batch's localization term: which logits are explained, and the masks with which the maps
/// of annotated images are compared.
#[derive(Debug)]
pub struct MaskTargets {
    /// The logits to explain, as (row of the batch, class): one class for every image with a label. Images
    /// without annotation are explained too, as in the official code, because with batch statistics a map
    /// depends on the other logits of the sum that is differentiated.
    pub pairs: Vec<(i64, i64)>,
    /// Rows of the batch that are annotated.
    pub annotated: Vec<i64>,
    /// Their masks (annotated, H, W) of 0 and 1.
    pub masks: Tensor,
    /// The area of each mask in cells of the grid (annotated), where the loss needs areas; else empty.
    pub areas: Vec<f64>,
}

/// The terms of the objective, scalars in the graph.
#[derive(Debug)]
pub struct Terms {
    /// The sum that is minimised, L_class + λ · Σ L_loc; of a distilled network with its term.
    pub total: Tensor,
    /// The classification loss.
    pub class: Tensor,
    /// Sum of L_loc over annotated images; `None` if the batch has none.
    pub localization: Option<Tensor>,
    /// Sum of all values of the annotated images' maps: non-finite if one of them is.
    pub maps: Option<Tensor>,
    /// The number of annotated images for which EPG, the share of positive attribution inside the mask, says
    /// nothing: their map has no positive attribution, or their mask is empty.
    pub undefined: Option<Tensor>,
}

impl Terms {
    /// Returns five values in one tensor (5), so that one copy from a GPU brings them all: the classification
    /// loss, the localization loss, the sum of the maps, the number of maps without EPG, and the sum of
    /// `gradient` (of any shape), which is non-finite if one of its values is. Without annotated images the
    /// second to the fourth are 0.
    ///
    /// # Errors
    /// libtorch's.
    pub fn values(&self, gradient: &Tensor) -> Result<Tensor, TchError> {
        let class = self.class.f_detach()?;
        let or_zero = |term: &Option<Tensor>| match term {
            Some(sum) => sum.f_detach()?.f_to_kind(class.kind()),
            None => class.f_zeros_like(),
        };
        let values = [
            or_zero(&self.localization)?,
            or_zero(&self.maps)?,
            or_zero(&self.undefined)?,
            gradient.f_sum(None)?,
        ];
        let [localization, maps, undefined, gradient] = values.each_ref();
        Tensor::f_stack(&[&class, localization, maps, undefined, gradient], 0)
    }
}

/// Computes the classification loss of `logits` and `targets`, both (N, K): PyTorch's `BCEWithLogitsLoss`, a
/// mean over images and classes; where images have one label, its `CrossEntropyLoss`, a mean over images.
fn classification(model: &Model, logits: &Tensor, targets: &Tensor) -> Result<Tensor, TchError> {
    let none: Option<Tensor> = None;
    match model.labels {
        Labels::Multi => logits.f_binary_cross_entropy_with_logits(
            targets,
            none.as_ref(),
            none.as_ref(),
            Reduction::Mean,
        ),
        Labels::Single => {
            // PyTorch's defaults: no class is ignored (−100 is none), labels are not smoothed (0.0).
            logits.f_cross_entropy_loss(targets, none.as_ref(), Reduction::Mean, -100, 0.0)
        }
    }
}

/// Computes the objective of an unguided run, L_class alone, in training mode; `input` as
/// [`Model::encode`] returns it, `targets` (N, K).
///
/// # Errors
/// libtorch's.
pub fn plain(model: &Model, input: &Tensor, targets: &Tensor) -> Result<Terms, TchError> {
    let logits = model.logits(input, Layer::Input, Mode::Train)?;
    let class = classification(model, &logits, targets)?;
    Ok(Terms {
        total: class.shallow_clone(),
        class,
        localization: None,
        maps: None,
        undefined: None,
    })
}

/// Computes the objective of an unguided run of a B-cosified network in training mode, L_class + `weight` times the
/// distance of its features to those of `teacher`, the network that it was made of; `input` as [`Model::encode`]
/// returns it, for both, `targets` (N, K).
///
/// # Errors
/// libtorch's.
pub fn distilled(
    model: &Model,
    (teacher, weight): (&Model, f64),
    input: &Tensor,
    targets: &Tensor,
) -> Result<Terms, TchError> {
    let (theirs, _) = tch::no_grad(|| teacher.all_features(input, Mode::Eval))?;
    let (ours, logits) = model.all_features(input, Mode::Train)?;
    let class = classification(model, &logits, targets)?;
    let distance = distillation::distance(&ours, &theirs)?;
    Ok(Terms {
        total: class.f_add(&distance.f_mul_scalar(weight)?)?,
        class,
        localization: None,
        maps: None,
        undefined: None,
    })
}

/// Computes the objective of a guided run, L_class + λ · Σ L_loc, in training mode; `input` as
/// [`Model::encode`] returns it, `targets` (N, K).
///
/// # Errors
/// libtorch's.
pub fn guided(
    model: &Model,
    input: &Tensor,
    targets: &Tensor,
    term: &LocalizationTerm,
    mask_targets: &MaskTargets,
) -> Result<Terms, TchError> {
    if mask_targets.annotated.is_empty() {
        return plain(model, input, targets);
    }
    let features = model.features(input, term.layer, Mode::Train)?;
    let explainable = Explainable::new(
        model,
        term.attribution,
        term.layer,
        &features,
        Mode::Train,
        Order::Second,
    )?;
    let class = classification(model, explainable.logits(), targets)?;
    let annotated = device::upload(
        &Tensor::f_from_slice(&mask_targets.annotated)?,
        input.device(),
    )?;
    let maps = explainable
        .maps(&mask_targets.pairs)?
        .f_index_select(0, &annotated)?;
    let losses = term
        .loss
        .values(&maps, &mask_targets.masks, &mask_targets.areas)?;
    let localization = losses.f_sum(None)?;
    let is_positive = |t: &Tensor| t.f_detach()?.f_amax([1i64, 2], false)?.f_gt(0.0);
    let is_defined = is_positive(&maps)?.f_logical_and(&is_positive(&mask_targets.masks)?)?;
    let total = class.f_add(&localization.f_mul_scalar(term.lambda)?)?;
    Ok(Terms {
        total,
        class,
        localization: Some(localization),
        maps: Some(maps.f_detach()?.f_sum(None)?),
        undefined: Some(is_defined.f_logical_not()?.f_sum(None)?),
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use tch::{Device, Kind};

    use super::*;
    use crate::explain::methods::ixg::IXG;
    use crate::guide::losses::energy::ENERGY;

    /// Returns [`Terms::values`] of two images, one of them annotated, for a network whose head has `head` as each
    /// of its weights. The gradient handed to it is two ones.
    fn values(head: f64) -> Vec<f64> {
        let model =
            Model::new("resnet18".parse().unwrap(), 3, 0, Device::Cpu, Kind::Float).unwrap();
        let weights = model.params.named();
        let weight = weights.iter().find(|(name, _)| name == "fc.weight");
        let _ = tch::no_grad(|| weight.unwrap().1.shallow_clone().fill_(head));
        let number = (Kind::Float, Device::Cpu);
        let pixels = Tensor::arange(2 * 32 * 32 * 3, number).remainder(251.0);
        let pixels = pixels.reshape([2, 32, 32, 3]).to_kind(Kind::Uint8);
        let mask_targets = MaskTargets {
            pairs: vec![(0, 0), (1, 2)],
            annotated: vec![0],
            masks: Tensor::ones([1, 32, 32], number),
            areas: Vec::new(),
        };
        let term = LocalizationTerm {
            attribution: IXG,
            layer: Layer::Final,
            loss: Loss::new(ENERGY, &[]).unwrap(),
            lambda: 1.0,
        };
        let targets = Tensor::zeros([2, 3], number);
        let input = model.encode(&pixels).unwrap();
        let terms = guided(&model, &input, &targets, &term, &mask_targets).unwrap();
        let gradient = Tensor::ones([2], number);
        let values = terms.values(&gradient).unwrap();
        (0..5).map(|at| values.double_value(&[at])).collect()
    }

    #[test]
    fn non_finite_maps_show_in_the_values() {
        let [_, localization, maps, undefined, gradient] = values(0.5)[..] else {
            panic!("other values");
        };
        assert!(maps > 0.0 && maps.is_finite(), "{maps}");
        // All attribution is within a mask of ones.
        assert!(localization.abs() < 1e-6, "{localization}");
        assert_eq!([undefined, gradient], [0.0, 2.0]);
        assert!(!values(f64::NAN)[2].is_finite());
    }
}
