//! The classifiers. A backbone is a chain of five stages; the paper's layers are the cuts between
//! them, so that an explanation at a layer needs only "the part before" and "the part after":
//!
//! ```text
//! input ─ stage 0 ─ mid1 ─ stage 1 ─ mid2 ─ stage 2 ─ mid3 ─ stage 3 ─ final ─ stage 4 ─ logits
//! ```

pub mod efficientnet_lite;
pub mod layers;
pub mod resnet;

use tch::{Device, Kind, TchError, Tensor};

use crate::names::{Backbone, Layer};
use crate::params::Params;

/// Stages of a backbone: four to the final features, one to the logits.
pub const STAGES: usize = 5;

/// Which statistics batch norm uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// The batch's, as in training (SPEC H.4: maps of a batch then depend on each other).
    Train,
    /// The running ones.
    Eval,
}

/// A chain of [`STAGES`] stages. A stage never changes its input in place.
pub trait Network {
    /// Runs one stage.
    ///
    /// # Errors
    /// libtorch's, such as shapes that do not fit or memory that does not suffice.
    fn stage(&self, stage: usize, x: &Tensor, mode: Mode) -> Result<Tensor, TchError>;
}

/// A backbone with its tensors.
pub struct Model {
    /// Which backbone this is.
    pub backbone: Backbone,
    /// Its tensors.
    pub params: Params,
    network: Box<dyn Network>,
}

impl Model {
    /// A freshly initialised network for `n_classes` classes.
    pub fn new(
        backbone: Backbone,
        n_classes: usize,
        seed: u64,
        device: Device,
        kind: Kind,
    ) -> Self {
        let mut params = Params::new(seed, device, kind);
        let k = n_classes as i64;
        let network: Box<dyn Network> = match backbone {
            Backbone::Resnet18 => Box::new(resnet::ResNet::resnet18(&mut params, k)),
            Backbone::EfficientnetLite0 => {
                Box::new(efficientnet_lite::EfficientNetLite::lite0(&mut params, k))
            }
        };
        Model {
            backbone,
            params,
            network,
        }
    }

    /// Names of the tensors whose shape depends on the number of classes.
    pub fn head_names(backbone: Backbone) -> [&'static str; 2] {
        match backbone {
            Backbone::Resnet18 => ["fc.weight", "fc.bias"],
            Backbone::EfficientnetLite0 => ["_fc.weight", "_fc.bias"],
        }
    }

    /// 8-bit images (N, H, W, 3) on any device to the network's input (N, 3, H, W): scaled to
    /// 0–1, then normalised as the backbone's weights want it (SPEC C.3).
    pub fn encode(&self, images: &Tensor) -> Result<Tensor, TchError> {
        let (mean, std): ([f64; 3], [f64; 3]) = match self.backbone {
            Backbone::Resnet18 => ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]),
            Backbone::EfficientnetLite0 => ([127.0 / 255.0; 3], [128.0 / 255.0; 3]),
        };
        let (device, kind) = (self.params.device(), self.params.kind());
        let per_channel = |values: [f64; 3]| {
            Tensor::from_slice(&values)
                .to_kind(kind)
                .to_device(device)
                .view([1, 3, 1, 1])
        };
        images
            .f_to_device(device)?
            .f_permute([0, 3, 1, 2])?
            .f_to_kind(kind)?
            .f_div_scalar(255.0)?
            .f_sub(&per_channel(mean))?
            .f_div(&per_channel(std))?
            .f_contiguous()
    }

    /// The features at `layer` of an encoded input.
    pub fn features(&self, input: &Tensor, layer: Layer, mode: Mode) -> Result<Tensor, TchError> {
        self.run(0..layer.index(), input, mode)
    }

    /// The logits (N, K) from the features at `layer`.
    pub fn logits(&self, features: &Tensor, layer: Layer, mode: Mode) -> Result<Tensor, TchError> {
        self.run(layer.index()..STAGES, features, mode)
    }

    fn run(
        &self,
        stages: std::ops::Range<usize>,
        x: &Tensor,
        mode: Mode,
    ) -> Result<Tensor, TchError> {
        stages.into_iter().try_fold(x.shallow_clone(), |x, stage| {
            self.network.stage(stage, &x, mode)
        })
    }
}

/// Mean over height and width: (N, C, H, W) to (N, C).
fn global_average_pool(x: &Tensor) -> Result<Tensor, TchError> {
    x.f_mean_dim([2i64, 3].as_slice(), false, None)
}
