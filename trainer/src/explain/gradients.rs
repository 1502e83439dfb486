//! Computes the gradient of chosen logits at a batch's features, from which every attribution method starts.
//! One logit is chosen for each image. The chosen logits are summed, so that one backward pass serves the
//! whole batch. The images' gradients do not mix, except through batch statistics in training mode. N is the number of
//! images, K that of classes, C that of channels; h × w are the positions of the layer's features on the image.

use tch::{Kind, TchError, Tensor};

use crate::machine::device;
use crate::names::{Explained, Layer};
use crate::network::{Backbone, FeatureAxes, Mode, Model, Record};
use crate::random;

/// How often the network is differentiated: once for maps, twice if the maps themselves are differentiated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// For evaluation: the maps are constants.
    First,
    /// For the localization loss: the maps stay in the graph.
    Second,
}

/// How the gradient treats dynamic weights, which a B-cos network computes from its input (docs/SPEC.md A.3).
/// Other networks have none; both variants give the same gradient for them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DynamicWeights {
    /// As constants. The gradient is W(x), the weights of the linear map that the network is for this input. With
    /// [`Order::Second`] W(x) itself stays in the graph, so that a loss on the maps is differentiated through it.
    Fixed,
    /// As functions of the input. The gradient is the true one.
    Differentiated,
}

impl DynamicWeights {
    /// Whether the chain of the vjps (vector–Jacobian products) written in `network/pass`
    /// ([`crate::network::pass::Pass::vjp`]) is used for this gradient. The chain holds dynamic weights fixed. So
    /// it is used for `Fixed` on B-cos networks, and for `Differentiated` (all methods but `bcos`) on others.
    /// Otherwise libtorch's backward pass is used.
    pub fn are_the_chains(self, backbone: Backbone) -> bool {
        backbone.has_dynamic_weights == (self == DynamicWeights::Fixed)
    }
}

/// A batch's features at a layer, its logits, and the gradient of the logits at the features.
pub struct Gradients<'a> {
    model: &'a Model,
    dynamic_weights: DynamicWeights,
    layer: Layer,
    mode: Mode,
    /// The features as the network has them: (N, C, h, w), (N, h, w, C) or tokens (N, T, C).
    whole: Tensor,
    /// Which of these it is.
    axes: FeatureAxes,
    /// The same as (N, C, h, w), without tokens that have no place on the image, such as a class token.
    features: Tensor,
    backward: Backward,
    /// The image id of each row of the batch; empty if not set.
    image_ids: Vec<String>,
}

/// How the gradient at the features is computed.
enum Backward {
    /// By the vjps of a recorded pass.
    Chain(Record),
    /// By libtorch's backward pass.
    Autograd { logits: Tensor, order: Order },
}

impl<'a> Gradients<'a> {
    /// Runs the network from `features`, with the network's own [`FeatureAxes`], at `layer` to the logits.
    ///
    /// # Errors
    /// libtorch's.
    pub fn new(
        model: &'a Model,
        dynamic_weights: DynamicWeights,
        layer: Layer,
        features: &Tensor,
        mode: Mode,
        order: Order,
    ) -> Result<Self, TchError> {
        let backward = if dynamic_weights.are_the_chains(model.backbone) {
            Backward::Chain(match order {
                Order::Second => model.record(features, layer, mode)?,
                Order::First => tch::no_grad(|| model.record(features, layer, mode))?,
            })
        } else {
            if !features.requires_grad() {
                let _ = features.f_set_requires_grad(true)?;
            }
            let logits = model.logits(features, layer, mode)?;
            Backward::Autograd { logits, order }
        };
        Ok(Gradients {
            model,
            dynamic_weights,
            layer,
            mode,
            axes: model.feature_axes(layer),
            features: model.feature_axes(layer).on_map(features)?,
            whole: features.shallow_clone(),
            backward,
            image_ids: Vec::new(),
        })
    }

    /// Sets the image ids of the batch.
    pub fn of_images(mut self, image_ids: &[&str]) -> Self {
        self.image_ids = image_ids.iter().map(|id| (*id).to_owned()).collect();
        self
    }

    /// The network.
    pub fn backbone(&self) -> Backbone {
        self.model.backbone
    }

    /// The features (N, C, h, w).
    pub fn features(&self) -> &Tensor {
        &self.features
    }

    /// The logits (N, K).
    pub fn logits(&self) -> &Tensor {
        match &self.backward {
            Backward::Chain(record) => record.logits(),
            Backward::Autograd { logits, .. } => logits,
        }
    }

    /// Returns random bits for each row of the batch, which depend on nothing but `purpose` and the row's
    /// image id. They do not depend on the run (seed and epoch are 0), so that the maps of two networks differ
    /// only because the networks do. Rows without an image id all get the same bits.
    pub fn streams(&self, purpose: &str) -> Vec<u64> {
        let rows = 0..self.whole.size()[0] as usize;
        let id = |row: usize| self.image_ids.get(row).map_or("", String::as_str);
        rows.map(|row| random::draw(0, purpose, 0, id(row)))
            .collect()
    }

    /// Returns the cotangent (N, K) that chooses the logits of `pairs` (row of the batch, class; at most one
    /// pair for each row): 1 at these logits, 0 elsewhere. Where the contrast is explained, the class's logit
    /// minus the mean of the others, the other logits of a row with a pair have −1/(K − 1).
    ///
    /// # Errors
    /// libtorch's.
    pub fn cotangent(&self, pairs: &[(i64, i64)]) -> Result<Tensor, TchError> {
        let logits = self.logits();
        let n_classes = logits.size()[1];
        let chosen: Vec<i64> = pairs
            .iter()
            .map(|(row, class)| row * n_classes + class)
            .collect();
        let chosen = device::upload(&Tensor::f_from_slice(&chosen)?, logits.device())?;
        let mut cotangent =
            Tensor::f_zeros(logits.size().as_slice(), (logits.kind(), logits.device()))?;
        if self.model.explained == Explained::Contrast {
            let rows: Vec<i64> = pairs.iter().map(|(row, _)| *row).collect();
            let rows = device::upload(&Tensor::f_from_slice(&rows)?, logits.device())?;
            let others = -1.0 / (n_classes - 1) as f64;
            cotangent = cotangent.f_index_fill_(0, &rows, others)?;
        }
        let mut flat = cotangent.f_view([-1])?;
        flat.f_index_fill_(0, &chosen, 1.0)?
            .f_view(logits.size().as_slice())
    }

    /// Returns the gradient of Σ `cotangent` · logits at the features (N, C, h, w).
    ///
    /// # Errors
    /// libtorch's.
    pub fn gradient(&self, cotangent: &Tensor) -> Result<Tensor, TchError> {
        let gradient = match &self.backward {
            Backward::Chain(record) if self.logits().requires_grad() => record.gradient(cotangent),
            Backward::Chain(record) => tch::no_grad(|| record.gradient(cotangent)),
            Backward::Autograd { logits, order } => {
                let selected = logits.f_mul(cotangent)?.f_sum(None::<Kind>)?;
                let gradients = Tensor::f_run_backward(
                    &[&selected],
                    &[&self.whole],
                    true,
                    *order == Order::Second,
                )?;
                match gradients.into_iter().next() {
                    Some(gradient) if gradient.defined() => Ok(gradient),
                    _ => self.whole.f_zeros_like(),
                }
            }
        };
        self.axes.on_map(&gradient?)
    }

    /// Does the same as [`Gradients::gradient`] at other `features` (N, C, h, w), for methods that are defined
    /// for evaluation only; the result is a constant. The logits of these features are not returned and so not
    /// checked by the caller. Instead, the gradient of a row with a non-finite logit is made NaN.
    ///
    /// # Errors
    /// libtorch's.
    pub fn gradient_at(&self, features: &Tensor, cotangent: &Tensor) -> Result<Tensor, TchError> {
        let features = &self.axes.with_map(&self.whole.f_detach()?, features)?;
        let (gradient, logits) = if self.dynamic_weights.are_the_chains(self.backbone()) {
            tch::no_grad(|| {
                let record = self.model.record(features, self.layer, self.mode)?;
                let gradient = record.gradient(cotangent)?;
                Ok::<_, TchError>((gradient, record.logits().shallow_clone()))
            })?
        } else {
            let features = features.f_detach()?.f_set_requires_grad(true)?;
            let logits = self.model.logits(&features, self.layer, self.mode)?;
            let selected = logits.f_mul(cotangent)?.f_sum(None::<Kind>)?;
            let mut gradients = Tensor::f_run_backward(&[&selected], &[&features], false, false)?;
            (gradients.remove(0), logits.f_detach()?)
        };
        let zero_or_nan =
            logits
                .f_mul_scalar(0.0)?
                .f_sum_dim_intlist([1i64].as_slice(), false, None)?;
        self.axes
            .on_map(&gradient)?
            .f_add(&zero_or_nan.f_view([-1, 1, 1, 1])?)
    }
}
