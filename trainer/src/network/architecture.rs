//! Defines [`Architecture`], the record of what the trainer needs to know about a network. Each network's
//! record is in its own file and listed in `architectures/mod.rs`; no other file names a network.

use tch::{TchError, Tensor};

use crate::machine::device;
use crate::network::params::Params;
use crate::network::stages::Network;

/// A network's record, also called its entry in the list.
#[derive(Clone, Copy, Debug)]
pub struct Architecture {
    /// Its spelling in configurations, tables and the metadata of weights.
    pub name: &'static str,
    /// What people call it.
    pub title: &'static str,
    /// Names of the tensors whose shape depends on the number of classes, the weight first.
    pub head: &'static [&'static str],
    /// How an image becomes its input.
    pub encoding: Encoding,
    /// Whether it has batch norms. In training the images of a batch then depend on each other, so
    /// `micro_batch` is refused (SPEC H.4).
    pub has_batch_statistics: bool,
    /// Whether f(αx) = α f(x) up to the head's bias. Integrated gradients then equal Input × Gradient
    /// (SPEC A.3).
    pub is_homogeneous: bool,
    /// Whether its layers are B-cos layers, which compute weights from their input, the dynamic weights
    /// (docs/SPEC.md A.3). The attribution method `bcos` is defined for these networks only.
    pub has_dynamic_weights: bool,
    /// Prefix of this network's tensor names in the package that `trainer export` writes for
    /// (torchvision, X-DNN's code, `bcos`); often empty.
    pub package_prefix: &'static str,
    /// Memory format of its activations on a GPU. On the CPU it is always contiguous, apart from
    /// [`crate::network::Model::features`] of values alone.
    pub gpu_memory_format: MemoryFormat,
    /// Builds the network with a head for the given number of classes. It creates every tensor in the
    /// [`Params`], under its name in the published state dict.
    pub build: fn(&mut Params, i64) -> Box<dyn Network>,
}

/// PyTorch's memory format: which numbers of an image are next to each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MemoryFormat {
    /// Contiguous (NCHW): one plane for each channel. cuDNN takes ten seconds to prepare depthwise
    /// convolutions in the other format, and libtorch 2.11 gets the gradient of average pooling with
    /// padding wrong there (pytorch issue 188344).
    Contiguous,
    /// Channels last (NHWC), the format of decoded images: faster on a GPU for plain convolutions
    /// (docs/benchmarks.md).
    ChannelsLast,
}

/// How an image in 0–1 becomes a network's input (SPEC C.3).
#[derive(Clone, Copy, Debug)]
pub enum Encoding {
    /// Three channels, (x − mean) / standard deviation.
    Normalised {
        /// Means of red, green and blue.
        mean: [f64; 3],
        /// Standard deviations of red, green and blue.
        std: [f64; 3],
    },
    /// Six channels, a colour and its complement: r, g, b, 1 − r, 1 − g, 1 − b. So each colour is a
    /// direction (B-cos networks; their package says "add inverse").
    WithInverse,
}

impl Encoding {
    /// Mean and standard deviation of ImageNet, as in torchvision.
    pub const IMAGENET: Encoding = Encoding::Normalised {
        mean: [0.485, 0.456, 0.406],
        std: [0.229, 0.224, 0.225],
    };

    /// Returns images (N, 3, H, W) in 0–1 as the network's input (N, 3 or 6, H, W).
    ///
    /// # Errors
    /// libtorch's.
    pub fn encode(self, images: &Tensor) -> Result<Tensor, TchError> {
        match self {
            Encoding::WithInverse => {
                let inverse = images.f_neg()?.f_add_scalar(1.0)?;
                Tensor::f_cat(&[images, &inverse], 1)
            }
            Encoding::Normalised { mean, std } => {
                let per_channel = |values: [f64; 3]| {
                    let values = Tensor::f_from_slice(&values)?.f_to_kind(images.kind())?;
                    device::upload(&values, images.device())?.f_view([1, 3, 1, 1])
                };
                images.f_sub(&per_channel(mean)?)?.f_div(&per_channel(std)?)
            }
        }
    }
}
