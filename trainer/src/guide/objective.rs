//! The training objective of one batch, L = L_class + λ · Σ over annotated images of L_loc, in
//! training mode (paper section 3; SPEC A.1, A.2).

use tch::{Reduction, TchError, Tensor};

use crate::explain::attribution::{Attribution, Explainable};
use crate::explain::gradients::Order;
use crate::guide::loss::Loss;
use crate::machine::device;
use crate::names::Layer;
use crate::network::{Mode, Model};

/// What is guided and how.
#[derive(Clone, Debug)]
pub struct Guide {
    /// How maps are made.
    pub attribution: Attribution,
    /// At which layer.
    pub layer: Layer,
    /// The localization loss.
    pub loss: Loss,
    /// Its weight λ.
    pub lambda: f64,
}

/// Which logits of a batch are explained, and which maps are held against masks.
#[derive(Debug)]
pub struct Explained {
    /// (row of the batch, class): one class for every image with a label. All of them are explained,
    /// as the official code does: under batch statistics a map depends on which logits are summed.
    pub pairs: Vec<(i64, i64)>,
    /// Rows of the batch that are annotated.
    pub annotated: Vec<i64>,
    /// Their masks (annotated, H, W) of 0 and 1.
    pub masks: Tensor,
    /// Of each its area in cells of the grid (annotated), where the loss needs areas; else empty.
    pub areas: Vec<f64>,
}

/// The terms of the objective, scalars in the graph.
#[derive(Debug)]
pub struct Terms {
    /// What is minimised.
    pub total: Tensor,
    /// Binary cross-entropy.
    pub class: Tensor,
    /// Sum of L_loc over annotated images; `None` without any.
    pub localization: Option<Tensor>,
    /// Sum of all values of the maps held against masks, which is non-finite if one of them is.
    pub maps: Option<Tensor>,
    /// How many of the annotated maps have no EPG: nothing positive, or an empty mask.
    pub undefined: Option<Tensor>,
}

impl Terms {
    /// The classification loss; the localization loss, the sum of the maps and the number of undefined
    /// ones (all 0 without annotated images); and the sum of `gradient`, which is
    /// non-finite if one of its values is: (5).
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

/// `BCEWithLogitsLoss`: mean over images and classes; `logits` and `targets` (N, K).
fn classification(logits: &Tensor, targets: &Tensor) -> Result<Tensor, TchError> {
    let none: Option<Tensor> = None;
    logits.f_binary_cross_entropy_with_logits(
        targets,
        none.as_ref(),
        none.as_ref(),
        Reduction::Mean,
    )
}

/// Classification alone; `input` as encoded, `targets` (N, K).
///
/// # Errors
/// libtorch's.
pub fn plain(model: &Model, input: &Tensor, targets: &Tensor) -> Result<Terms, TchError> {
    let class = classification(&model.logits(input, Layer::Input, Mode::Train)?, targets)?;
    Ok(Terms {
        total: class.shallow_clone(),
        class,
        localization: None,
        maps: None,
        undefined: None,
    })
}

/// Classification and localization.
///
/// # Errors
/// libtorch's.
pub fn guided(
    model: &Model,
    input: &Tensor,
    targets: &Tensor,
    guide: &Guide,
    explained: &Explained,
) -> Result<Terms, TchError> {
    if explained.annotated.is_empty() {
        return plain(model, input, targets);
    }
    let features = model.features(input, guide.layer, Mode::Train)?;
    let explainable = Explainable::new(
        model,
        guide.attribution,
        guide.layer,
        &features,
        Mode::Train,
        Order::Second,
    )?;
    let class = classification(explainable.logits(), targets)?;
    let annotated = device::upload(&Tensor::f_from_slice(&explained.annotated)?, input.device())?;
    let maps = explainable
        .maps(&explained.pairs)?
        .f_index_select(0, &annotated)?;
    let losses = guide
        .loss
        .values(&maps, &explained.masks, &explained.areas)?;
    let localization = losses.f_sum(None)?;
    let is_positive = |t: &Tensor| t.f_detach()?.f_amax([1i64, 2], false)?.f_gt(0.0);
    let is_defined = is_positive(&maps)?.f_logical_and(&is_positive(&explained.masks)?)?;
    let total = class.f_add(&localization.f_mul_scalar(guide.lambda)?)?;
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

    /// [`Terms::values`] of two images of which one is annotated, the head's weights being `head`.
    fn values(head: f64) -> Vec<f64> {
        let model =
            Model::new("resnet18".parse().unwrap(), 3, 0, Device::Cpu, Kind::Float).unwrap();
        let weights = model.params.named();
        let weight = weights.iter().find(|(name, _)| name == "fc.weight");
        let _ = tch::no_grad(|| weight.unwrap().1.shallow_clone().fill_(head));
        let number = (Kind::Float, Device::Cpu);
        let pixels = Tensor::arange(2 * 32 * 32 * 3, number).remainder(251.0);
        let pixels = pixels.reshape([2, 32, 32, 3]).to_kind(Kind::Uint8);
        let explained = Explained {
            pairs: vec![(0, 0), (1, 2)],
            annotated: vec![0],
            masks: Tensor::ones([1, 32, 32], number),
            areas: Vec::new(),
        };
        let guide = Guide {
            attribution: IXG,
            layer: Layer::Final,
            loss: Loss::new(ENERGY, &[]).unwrap(),
            lambda: 1.0,
        };
        let targets = Tensor::zeros([2, 3], number);
        let input = model.encode(&pixels).unwrap();
        let terms = guided(&model, &input, &targets, &guide, &explained).unwrap();
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
