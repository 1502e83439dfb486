//! A network with its tensors: from an image to its features at a layer and to the logits, and back.

use std::ops::Range;

use tch::{Device, Kind, TchError, Tensor};

use crate::machine::device;
use crate::names::{Backbone, Layer, Precision};
use crate::network::bcos;
use crate::network::densenet::DenseNet;
use crate::network::efficientnet_lite::EfficientNetLite;
use crate::network::mode::Mode;
use crate::network::params::Params;
use crate::network::pass::{Pass, Value};
use crate::network::resnet::{Depth, Family, ResNet};
use crate::network::stages::{Network, STAGES};
use crate::network::vit::VisionTransformer;

/// Tensors of the largest size that are in work at once, on the way there or back.
const IN_WORK: u64 = 6;

/// A backbone with its tensors.
pub struct Model {
    /// Which backbone this is.
    pub backbone: Backbone,
    /// Its tensors.
    pub params: Params,
    /// In which numbers its products are computed.
    pub precision: Precision,
    network: Box<dyn Network>,
}

impl Model {
    /// A freshly initialised network for `n_classes` classes.
    ///
    /// # Errors
    /// libtorch's, such as too little memory on `device`.
    pub fn new(
        backbone: Backbone,
        n_classes: usize,
        seed: u64,
        device: Device,
        kind: Kind,
    ) -> Result<Self, TchError> {
        let mut params = Params::new(seed, device, kind);
        let k = n_classes as i64;
        let mut resnet = |family, depth| -> Box<dyn Network> {
            Box::new(ResNet::new(&mut params, family, depth, k))
        };
        let network = match backbone {
            Backbone::Resnet18 => resnet(Family::Vanilla, Depth::Eighteen),
            Backbone::Resnet50 => resnet(Family::Vanilla, Depth::Fifty),
            Backbone::XdnnResnet18 => resnet(Family::Xdnn, Depth::Eighteen),
            Backbone::XdnnResnet50 => resnet(Family::Xdnn, Depth::Fifty),
            Backbone::BcosResnet18 => resnet(Family::Bcos, Depth::Eighteen),
            Backbone::BcosResnet50 => resnet(Family::Bcos, Depth::Fifty),
            Backbone::BcosDensenet121 => Box::new(DenseNet::densenet121(&mut params, k)),
            Backbone::BcosSimpleVitS => Box::new(VisionTransformer::simple_s(&mut params, k)),
            Backbone::BcosVitcS => Box::new(VisionTransformer::convolutional_s(&mut params, k)),
            Backbone::EfficientnetLite0 => Box::new(EfficientNetLite::lite0(&mut params, k)),
        };
        params.take_to_device()?;
        Ok(Model {
            backbone,
            params,
            precision: Precision::F32,
            network,
        })
    }

    /// Names of the tensors whose shape depends on the number of classes.
    pub fn head_names(backbone: Backbone) -> &'static [&'static str] {
        match backbone {
            Backbone::Resnet18
            | Backbone::Resnet50
            | Backbone::XdnnResnet18
            | Backbone::XdnnResnet50 => &["fc.weight", "fc.bias"],
            Backbone::BcosResnet18 | Backbone::BcosResnet50 => &["fc.linear.weight"],
            Backbone::BcosDensenet121 => &["classifier.linear.weight"],
            Backbone::BcosSimpleVitS | Backbone::BcosVitcS => &["linear_head.linear.linear.weight"],
            Backbone::EfficientnetLite0 => &["_fc.weight", "_fc.bias"],
        }
    }

    /// 8-bit images (N, H, W, 3) on any device to the network's input (N, 3 or 6, H, W): scaled to
    /// 0–1, then encoded as the backbone's weights want it (SPEC C.3).
    pub fn encode(&self, images: &Tensor) -> Result<Tensor, TchError> {
        let (device, kind) = (self.params.device(), self.params.kind());
        let images = images
            .f_to_device(device)?
            .f_permute([0, 3, 1, 2])?
            .f_to_kind(kind)?
            .f_div_scalar(255.0)?;
        self.in_order(self.normalise(&images)?)
    }

    /// Images (N, 3, H, W) in 0–1 to the network's input.
    pub fn normalise(&self, images: &Tensor) -> Result<Tensor, TchError> {
        let (mean, std): ([f64; 3], [f64; 3]) = match self.backbone {
            backbone if backbone.is_bcos() => return bcos::encode(images),
            Backbone::EfficientnetLite0 => ([127.0 / 255.0; 3], [128.0 / 255.0; 3]),
            _ => ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]),
        };
        let per_channel = |values: [f64; 3]| {
            let values = Tensor::f_from_slice(&values)?.f_to_kind(images.kind())?;
            device::upload(&values, images.device())?.f_view([1, 3, 1, 1])
        };
        images.f_sub(&per_channel(mean)?)?.f_div(&per_channel(std)?)
    }

    /// Planes one after the other, as the fused operations on the CPU want them. On a GPU the channels of
    /// a pixel side by side, as decoded, where that is faster (docs/benchmarks.md) and right: libtorch
    /// 2.11 gets the gradient of a mean pooling with padding, which B-cos networks have, wrong there
    /// (pytorch issue 188344), and cuDNN takes ten seconds to prepare EfficientNet's depthwise
    /// convolutions.
    ///
    /// # Errors
    /// libtorch's.
    pub fn in_order(&self, images: Tensor) -> Result<Tensor, TchError> {
        let is_resnet = matches!(
            self.backbone,
            Backbone::Resnet18
                | Backbone::Resnet50
                | Backbone::XdnnResnet18
                | Backbone::XdnnResnet50
        );
        match is_resnet && images.device().is_cuda() {
            true => Ok(images),
            false => images.f_contiguous(),
        }
    }

    /// The features at `layer` of an encoded input.
    pub fn features(&self, input: &Tensor, layer: Layer, mode: Mode) -> Result<Tensor, TchError> {
        // libtorch's convolutions are a quarter faster where the channels of a pixel lie side by side,
        // and blocks become one operation, as long as nothing is differentiated; B-cos layers
        // (fused.rs) want whole planes. At the final layer only: the last digits differ, and where
        // another ReLU follows it may flip, which the map would show.
        let is_for_values = mode == Mode::Eval && layer == Layer::Final && !self.backbone.is_bcos();
        let input = match is_for_values {
            true => input
                .f_permute([0, 2, 3, 1])?
                .f_contiguous()?
                .f_permute([0, 3, 1, 2])?,
            false => input.shallow_clone(),
        };
        let pass = Pass::forward(mode, self.precision);
        let features = self.run(0..layer.index(), &input, &pass)?;
        self.in_order(features.tensor().shallow_clone())
    }

    /// The logits (N, K) from the features at `layer`.
    pub fn logits(&self, features: &Tensor, layer: Layer, mode: Mode) -> Result<Tensor, TchError> {
        let pass = Pass::forward(mode, self.precision);
        self.run(layer.index()..STAGES, features, &pass)
            .map(|value| value.tensor().shallow_clone())
    }

    /// The logits from the features at `layer`, and the way back.
    pub fn record(&self, features: &Tensor, layer: Layer, mode: Mode) -> Result<Record, TchError> {
        let pass = Pass::recording(mode, self.precision);
        let features = pass.input(features);
        let logits = self.continue_from(&features, layer.index()..STAGES, &pass)?;
        Ok(Record {
            pass,
            features,
            logits,
        })
    }

    /// About how many bytes explaining one image at `layer` takes: what the recorded pass keeps, and
    /// the largest tensors in work. `input` (1, C, H, W) as encoded.
    ///
    /// # Errors
    /// libtorch's.
    pub fn footprint(&self, input: &Tensor, layer: Layer) -> Result<u64, TchError> {
        let before = Pass::forward(Mode::Eval, self.precision);
        let features = self.run(0..layer.index(), input, &before)?;
        let record = self.record(features.tensor(), layer, Mode::Eval)?;
        let (before, after) = (before.made(), record.pass.made());
        Ok(after.total + IN_WORK * before.largest.max(after.largest))
    }

    fn run(&self, stages: Range<usize>, x: &Tensor, pass: &Pass) -> Result<Value, TchError> {
        self.continue_from(&pass.input(x), stages, pass)
    }

    fn continue_from(
        &self,
        x: &Value,
        stages: Range<usize>,
        pass: &Pass,
    ) -> Result<Value, TchError> {
        stages
            .into_iter()
            .try_fold(x.share(), |x, stage| self.network.stage(stage, &x, pass))
    }
}

/// A pass from the features at a layer to the logits that can be walked back.
pub struct Record {
    pass: Pass,
    features: Value,
    logits: Value,
}

impl Record {
    /// (N, K).
    pub fn logits(&self) -> &Tensor {
        self.logits.tensor()
    }

    /// The gradient at the features of Σ `cotangent` (N, K) · logits, with dynamic weights held
    /// fixed; in the graph of the pass when gradients are on.
    ///
    /// # Errors
    /// libtorch's.
    pub fn gradient(&self, cotangent: &Tensor) -> Result<Tensor, TchError> {
        self.pass.pull(&self.logits, cotangent, &self.features)
    }
}
