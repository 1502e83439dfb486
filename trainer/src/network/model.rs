//! Defines [`Model`], a network with its tensors. It computes the features of images at a layer, the logits
//! from these features, and the gradient of the logits at the features.

use std::ops::Range;

use data_prep::dataset::Labels;
use tch::{Device, Kind, TchError, Tensor};

use crate::names::{Explained, Layer, Precision};
use crate::network::architecture::MemoryFormat;
use crate::network::backbone::Backbone;
use crate::network::bcosified::{LOGIT_BIAS, PROGRESS};
use crate::network::mode::Mode;
use crate::network::params::Params;
use crate::network::pass::{Bcosification, Pass, Value};
use crate::network::stages::{FeatureAxes, Network, STAGES};

/// How many tensors of the largest size a forward or backward pass uses at once: a rough estimate for
/// [`Model::footprint`].
const IN_WORK: u64 = 6;

/// A backbone with its tensors.
pub struct Model {
    /// The network's entry.
    pub backbone: Backbone,
    /// Its tensors.
    pub params: Params,
    /// The precision of its convolutions and matrix products.
    pub precision: Precision,
    /// Whether each image shows exactly one class (softmax) or any number of them (a sigmoid for each).
    pub labels: Labels,
    /// What its attribution maps explain: a class's logit, or its difference to the other classes' mean logit.
    pub explained: Explained,
    /// The network's five stages.
    network: Box<dyn Network>,
    /// How far it is B-cosified (1), a tensor of `params`; `None` where it is not.
    bcosification: Option<Tensor>,
}

impl Model {
    /// Builds a network for `n_classes` classes with random weights.
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
        let network = (backbone.build)(&mut params, n_classes as i64);
        params.take_to_device()?;
        let progress = params.entries().iter().rev();
        let progress = backbone.is_bcosified.then_some(progress);
        let progress = progress.and_then(|mut all| all.find(|param| param.name == PROGRESS));
        Ok(Model {
            bcosification: progress.map(|param| param.tensor.shallow_clone()),
            backbone,
            params,
            precision: Precision::F32,
            labels: Labels::Multi,
            explained: Explained::Logit,
            network,
        })
    }

    /// How far the network is B-cosified: 0 for the ordinary network, 1 for the B-cos network; `None` where it
    /// is not a B-cosified one.
    ///
    /// # Errors
    /// libtorch's.
    pub fn bcosification(&self) -> Result<Option<f64>, TchError> {
        let progress = self.bcosification.as_ref();
        progress.map(|at| at.f_double_value(&[0])).transpose()
    }

    /// Sets how far a B-cosified network is.
    ///
    /// # Errors
    /// libtorch's.
    pub fn bcosify(&self, progress: f64) -> Result<(), TchError> {
        match &self.bcosification {
            Some(at) => tch::no_grad(|| at.shallow_clone().f_fill_(progress).map(drop)),
            None => Ok(()),
        }
    }

    /// Returns a pass through the network, which records if `records`.
    fn pass(&self, mode: Mode, records: bool) -> Result<Pass, TchError> {
        let pass = match records {
            true => Pass::recording(mode, self.precision),
            false => Pass::forward(mode, self.precision),
        };
        Ok(pass.of_bcosified(self.bcosification()?.map(Bcosification::at)))
    }

    /// Returns 8-bit images (N, H, W, 3), which may be on any device, as the network's input (N, 3 or 6, H,
    /// W): scaled to 0–1, then encoded as its architecture says (docs/SPEC.md C.3).
    pub fn encode(&self, images: &Tensor) -> Result<Tensor, TchError> {
        self.encode_scaled(&self.scaled(images)?)
    }

    /// Returns 8-bit images (N, H, W, 3), which may be on any device, scaled to 0–1, on the network's device
    /// and in its number type.
    ///
    /// # Errors
    /// libtorch's.
    pub fn scaled(&self, images: &Tensor) -> Result<Tensor, TchError> {
        images
            .f_to_device(self.params.device())?
            .f_to_kind(self.params.kind())?
            .f_div_scalar(255.0)
    }

    /// Does the same as [`Model::encode`] for images (N, H, W, 3) that [`Model::scaled`] returned.
    ///
    /// # Errors
    /// As [`Model::encode`].
    pub fn encode_scaled(&self, images: &Tensor) -> Result<Tensor, TchError> {
        let size = images.size();
        let found = [size[1] as usize, size[2] as usize];
        self.backbone.check_size(found).map_err(|expected| {
            let [height, width] = found;
            TchError::Shape(format!(
                "found images of {height}×{width}, expected {expected}"
            ))
        })?;
        let images = images.f_permute([0, 3, 1, 2])?;
        self.in_memory_format(self.backbone.encoding.encode(&images)?)
    }

    /// Returns `images` in the memory format that the network's architecture names for the device. They come in
    /// channels-last format, that of decoded images. 64-bit numbers on a CPU are contiguous, as libtorch's
    /// convolutions of them know no other format.
    ///
    /// # Errors
    /// libtorch's.
    pub fn in_memory_format(&self, images: Tensor) -> Result<Tensor, TchError> {
        let format = match (images.device().is_cuda(), images.kind()) {
            (true, _) => self.backbone.gpu_memory_format,
            (false, Kind::Float) => self.backbone.cpu_memory_format,
            (false, _) => MemoryFormat::Contiguous,
        };
        match format {
            MemoryFormat::ChannelsLast => Ok(images),
            MemoryFormat::Contiguous => images.f_contiguous(),
        }
    }

    /// Computes the features at every layer behind the input, the lowest first, and the logits (N, K) from an encoded
    /// input (N, C, H, W), in one pass.
    ///
    /// # Errors
    /// libtorch's.
    pub fn all_features(
        &self,
        input: &Tensor,
        mode: Mode,
    ) -> Result<(Vec<Tensor>, Tensor), TchError> {
        let pass = self.pass(mode, false)?;
        let mut at = pass.input(input);
        let mut features = Vec::new();
        for stage in 0..STAGES - 1 {
            at = self.continue_from(&at, stage..stage + 1, &pass)?;
            features.push(at.tensor().shallow_clone());
        }
        let logits = self.continue_from(&at, STAGES - 1..STAGES, &pass)?;
        Ok((features, logits.tensor().shallow_clone()))
    }

    /// Computes the features at `layer` from an encoded input (N, C, H, W). [`Model::form`] says which of
    /// their axes are height and width.
    pub fn features(&self, input: &Tensor, layer: Layer, mode: Mode) -> Result<Tensor, TchError> {
        // In evaluation the stages before the layer are not differentiated. On the CPU their convolutions are a
        // quarter faster in channels-last format (measured), and convolution, norm and ReLU become one
        // operation. B-cos networks do not use it: their fused operations want contiguous tensors. Layers before
        // the final one do not use it either, because the last digits differ: in the stages behind, a ReLU
        // might let a value near 0 pass or not because of them, and the map would show that.
        // Networks from a file do not, because they compute what PyTorch computes, operator by operator.
        let is_for_values = mode == Mode::Eval
            && layer == Layer::Final
            && !input.device().is_cuda()
            && !self.backbone.has_dynamic_weights
            && self.backbone.description.is_none();
        let input = match is_for_values {
            true => input
                .f_permute([0, 2, 3, 1])?
                .f_contiguous()?
                .f_permute([0, 3, 1, 2])?,
            false => input.shallow_clone(),
        };
        let pass = self.pass(mode, false)?;
        let features = self.run(0..layer.index(), &input, &pass)?;
        self.in_memory_format(features.tensor().shallow_clone())
    }

    /// Which axes of the features at `layer` are channels, height and width.
    pub fn feature_axes(&self, layer: Layer) -> FeatureAxes {
        self.network.feature_axes(layer.index())
    }

    /// Computes the logits (N, K) from the features at `layer`.
    pub fn logits(&self, features: &Tensor, layer: Layer, mode: Mode) -> Result<Tensor, TchError> {
        let pass = self.pass(mode, false)?;
        self.run(layer.index()..STAGES, features, &pass)
            .map(|value| value.tensor().shallow_clone())
    }

    /// Computes the logits from the features at `layer` and records what the backward pass to these features
    /// needs.
    pub fn record(&self, features: &Tensor, layer: Layer, mode: Mode) -> Result<Record, TchError> {
        let pass = self.pass(mode, true)?;
        let features = pass.input(features);
        let logits = self.continue_from(&features, layer.index()..STAGES, &pass)?;
        Ok(Record {
            pass,
            features,
            logits,
        })
    }

    /// Estimates the bytes that explaining one image at `layer` takes: those that the recorded pass keeps,
    /// and those of the largest tensors in use at once. `input` is one encoded image (1, C, H, W).
    ///
    /// # Errors
    /// libtorch's.
    pub fn footprint(&self, input: &Tensor, layer: Layer) -> Result<u64, TchError> {
        let before = self.pass(Mode::Eval, false)?;
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
        let is_whole = stages.end == STAGES;
        let out = stages
            .into_iter()
            .try_fold(x.share(), |x, stage| self.network.stage(stage, &x, pass))?;
        match pass.bcosification() {
            Some(at) if is_whole => pass.evidence_to_logits(&out, at, LOGIT_BIAS),
            _ => Ok(out),
        }
    }
}

/// A recorded pass from the features at a layer to the logits, which gives gradients at the features.
pub struct Record {
    pass: Pass,
    features: Value,
    logits: Value,
}

impl Record {
    /// The logits (N, K).
    pub fn logits(&self) -> &Tensor {
        self.logits.tensor()
    }

    /// Returns the gradient of Σ `cotangent` (N, K) · logits with respect to the features, in their shape. The
    /// dynamic weights of B-cos layers count as constants. If gradients are on, the result can itself be
    /// differentiated.
    ///
    /// # Errors
    /// libtorch's.
    pub fn gradient(&self, cotangent: &Tensor) -> Result<Tensor, TchError> {
        self.pass.vjp(&self.logits, cotangent, &self.features)
    }
}
