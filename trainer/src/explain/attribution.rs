//! Attribution maps: one number a pixel of the layer, the channels summed (paper section 3.1;
//! SPEC A.3). For a batch, the chosen logits are summed and differentiated once: images do not mix
//! but through batch statistics in training mode.

use tch::{Kind, TchError, Tensor};

use crate::machine::device;
use crate::names::{Attribution, Layer};
use crate::network::pass::fused;
use crate::network::{Backbone, Mode, Model, Record};

/// Whether the maps are to be differentiated again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// For evaluation: the maps are constants.
    First,
    /// For the localization loss: the maps stay in the graph.
    Second,
}

/// Steps of the path integral where it has no closed form: midpoints of so many equal parts.
pub const PATH_STEPS: usize = 32;

/// The features of a batch at a layer, their logits, and what explains these.
pub struct Explainable<'a> {
    model: &'a Model,
    attribution: Attribution,
    layer: Layer,
    mode: Mode,
    features: Tensor,
    way_back: WayBack,
}

/// How the gradient at the features is had.
enum WayBack {
    /// The pass's own chain of linear maps.
    Chain(Record),
    /// libtorch's backward pass, for what the chain does not give: the true gradient of networks
    /// with dynamic weights.
    Autograd { logits: Tensor, order: Order },
}

/// Whether `attribution` is defined for `backbone`, and in `order`; the reason where not.
///
/// # Errors
/// What would be right, in a few words.
pub fn check(backbone: Backbone, attribution: Attribution, order: Order) -> Result<(), String> {
    match attribution {
        Attribution::Bcos if !backbone.has_dynamic_weights => Err(format!(
            "ixg, gradcam or intgrad: {backbone} is no B-cos network"
        )),
        Attribution::Intgrad if order == Order::Second && !backbone.is_homogeneous => Err(format!(
            "another attribution to guide {backbone}: intgrad has a closed form on X-DNN only"
        )),
        _ => Ok(()),
    }
}

impl<'a> Explainable<'a> {
    /// Runs the network from `features` (N, C, h, w) at `layer` to the logits.
    ///
    /// # Errors
    /// libtorch's.
    pub fn new(
        model: &'a Model,
        attribution: Attribution,
        layer: Layer,
        features: &Tensor,
        mode: Mode,
        order: Order,
    ) -> Result<Self, TchError> {
        // A chain holds dynamic weights fixed, so it is the true gradient where there are none.
        let way_back = if model.backbone.has_dynamic_weights == (attribution == Attribution::Bcos) {
            WayBack::Chain(match order {
                Order::Second => model.record(features, layer, mode)?,
                Order::First => tch::no_grad(|| model.record(features, layer, mode))?,
            })
        } else {
            if !features.requires_grad() {
                let _ = features.f_set_requires_grad(true)?;
            }
            let logits = model.logits(features, layer, mode)?;
            WayBack::Autograd { logits, order }
        };
        Ok(Explainable {
            model,
            attribution,
            layer,
            mode,
            features: features.shallow_clone(),
            way_back,
        })
    }

    /// (N, K).
    pub fn logits(&self) -> &Tensor {
        match &self.way_back {
            WayBack::Chain(record) => record.logits(),
            WayBack::Autograd { logits, .. } => logits,
        }
    }

    /// Explains the logits of `pairs` of (row of the batch, class), at most one a row: maps
    /// (N, h, w) at the layer's own resolution, zero for rows that are not named.
    ///
    /// # Errors
    /// libtorch's.
    pub fn maps(&self, pairs: &[(i64, i64)]) -> Result<Tensor, TchError> {
        let gradient = self.gradient(&self.cotangent(pairs)?)?;
        let over_channels = |t: Tensor| t.f_sum_dim_intlist([1i64].as_slice(), false, None);
        match self.attribution {
            // Σ_c φ_c · ∂f_k/∂φ_c; W(x)·x in B-cos networks; the mean gradient of the path for
            // integrated gradients
            Attribution::Ixg | Attribution::Bcos | Attribution::Intgrad => {
                over_channels(self.features.f_mul(&gradient)?)
            }
            // ReLU(Σ_c mean_hw(∂f_k/∂φ_c) · φ_c)
            Attribution::Gradcam => {
                let weights = gradient.f_mean_dim([2i64, 3].as_slice(), true, None)?;
                fused::rectify(over_channels(self.features.f_mul(&weights)?)?)
            }
        }
    }

    /// The gradients at the features (N, C, h, w) of the logits of `pairs`, as in
    /// [`Explainable::maps`]; of a B-cos network its dynamic weights W(x).
    ///
    /// # Errors
    /// libtorch's.
    pub fn weights(&self, pairs: &[(i64, i64)]) -> Result<Tensor, TchError> {
        self.gradient(&self.cotangent(pairs)?)
    }

    /// 1 at every pair, so that Σ cotangent · logits is the sum of the chosen logits.
    fn cotangent(&self, pairs: &[(i64, i64)]) -> Result<Tensor, TchError> {
        let logits = self.logits();
        let n_classes = logits.size()[1];
        let chosen: Vec<i64> = pairs
            .iter()
            .map(|(row, class)| row * n_classes + class)
            .collect();
        let chosen = device::upload(&Tensor::f_from_slice(&chosen)?, logits.device())?;
        let mut flat = Tensor::f_zeros([logits.numel() as i64], (logits.kind(), logits.device()))?;
        flat.f_index_fill_(0, &chosen, 1.0)?
            .f_view(logits.size().as_slice())
    }

    fn gradient(&self, cotangent: &Tensor) -> Result<Tensor, TchError> {
        if self.attribution == Attribution::Intgrad && !self.model.backbone.is_homogeneous {
            return self.path_gradient(cotangent);
        }
        match &self.way_back {
            WayBack::Chain(record) if self.logits().requires_grad() => record.gradient(cotangent),
            WayBack::Chain(record) => tch::no_grad(|| record.gradient(cotangent)),
            WayBack::Autograd { logits, order } => {
                let selected = logits.f_mul(cotangent)?.f_sum(None::<Kind>)?;
                let gradients = Tensor::f_run_backward(
                    &[&selected],
                    &[&self.features],
                    true,
                    *order == Order::Second,
                )?;
                match gradients.into_iter().next() {
                    Some(gradient) if gradient.defined() => Ok(gradient),
                    _ => self.features.f_zeros_like(),
                }
            }
        }
    }

    /// Mean gradient along the straight path from zero to the features.
    fn path_gradient(&self, cotangent: &Tensor) -> Result<Tensor, TchError> {
        let mut sum = self.features.f_zeros_like()?;
        for step in 0..PATH_STEPS {
            let share = (step as f64 + 0.5) / PATH_STEPS as f64;
            let features = self.features.f_detach()?.f_mul_scalar(share)?;
            let (gradient, logits) = if self.model.backbone.has_dynamic_weights {
                let features = features.f_set_requires_grad(true)?;
                let logits = self.model.logits(&features, self.layer, self.mode)?;
                let selected = logits.f_mul(cotangent)?.f_sum(None::<Kind>)?;
                let mut gradients =
                    Tensor::f_run_backward(&[&selected], &[&features], false, false)?;
                (gradients.remove(0), logits.f_detach()?)
            } else {
                tch::no_grad(|| {
                    let record = self.model.record(&features, self.layer, self.mode)?;
                    let gradient = record.gradient(cotangent)?;
                    Ok::<_, TchError>((gradient, record.logits().shallow_clone()))
                })?
            };
            // Nobody sees these logits; where one is not finite, the gradient shall not be either.
            let nothing =
                logits
                    .f_mul_scalar(0.0)?
                    .f_sum_dim_intlist([1i64].as_slice(), false, None)?;
            let gradient = gradient.f_add(&nothing.f_view([-1, 1, 1, 1])?)?;
            sum.f_add_(&gradient).map(drop)?;
        }
        sum.f_div_scalar(PATH_STEPS as f64)
    }
}
