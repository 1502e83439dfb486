//! Defines [`Architecture`], the record of what the trainer needs to know about a network. Each network's
//! record is in its own file and listed in `architectures/mod.rs`; no other file names a network.

use std::fmt;

use serde::{Deserialize, Serialize};
use tch::{TchError, Tensor};

use crate::machine::device;
use crate::names::Layer;
use crate::network::params::Params;
use crate::network::stages::Network;

/// A network's record, also called its entry in the list.
#[derive(Clone, Copy)]
pub struct Architecture {
    /// Its spelling in configurations, tables and the metadata of weight files.
    pub name: &'static str,
    /// What people call it.
    pub title: &'static str,
    /// Names of the tensors whose shape depends on the number of classes, the weight first.
    pub head: &'static [&'static str],
    /// How an image becomes its input.
    pub encoding: Encoding,
    /// Whether it has batch norms. In training the images of a batch then depend on each other
    /// (docs/SPEC.md H.4), so a run may not divide its batches into smaller passes (option `micro_batch`).
    pub has_batch_statistics: bool,
    /// Whether f(αx) = α f(x) for α ≥ 0, up to the head's bias. Integrated gradients then equal Input × Gradient
    /// (docs/SPEC.md A.3).
    pub is_homogeneous: bool,
    /// Whether its layers are B-cos layers, which compute weights from their input, the dynamic weights
    /// (docs/SPEC.md A.3). The attribution method `bcos` is defined for these networks only.
    pub has_dynamic_weights: bool,
    /// The weight of the first convolution, the only one that the image goes into, if the network can be
    /// B-cosified ([`crate::network::bcosified`]); `None` for all others, and for those that are.
    pub stem: Option<&'static str>,
    /// Whether it is a B-cosified network.
    pub is_bcosified: bool,
    /// Prefix of this network's tensor names in the package that `trainer export` writes for
    /// (torchvision, X-DNN's code, `bcos`); often empty.
    pub package_prefix: &'static str,
    /// Memory format of its activations on a CPU, in 32 bits. In evaluation up to the final layer
    /// [`crate::network::Model::features`] may choose another.
    pub cpu_memory_format: MemoryFormat,
    /// Memory format of its activations on a GPU.
    pub gpu_memory_format: MemoryFormat,
    /// Height and width of the images that it takes; `None` for any.
    pub input: Option<[usize; 2]>,
    /// The layers at which it can be explained, in order.
    pub layers: &'static [Layer],
    /// The JSON text that describes a network from a file, graph and all, in weight files
    /// ([`crate::network::graph::description`]). `None` for a network of the list.
    pub description: Option<&'static str>,
    /// Builds the network with a head for the given number of classes. It creates every tensor in the
    /// [`Params`], under its name in the published state dict.
    pub build: Build,
}

/// Builds a network for a number of classes.
pub type Build = &'static (dyn Fn(&mut Params, i64) -> Box<dyn Network> + Send + Sync);

/// PyTorch's memory format: which numbers of an image are next to each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MemoryFormat {
    /// Contiguous (NCHW): one plane for each channel. cuDNN takes ten seconds to prepare depthwise
    /// convolutions in the other format, and libtorch 2.11 gets the gradient of average pooling with
    /// padding wrong there (pytorch issue 188344).
    Contiguous,
    /// Channels last (NHWC), the format of decoded images: faster on a GPU for plain convolutions, on a CPU for
    /// depthwise ones and their batch norms (docs/benchmarks.md).
    ChannelsLast,
}

/// How an image with values in 0–1 becomes a network's input (docs/SPEC.md C.3).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Encoding {
    /// Three channels, (x − mean) / standard deviation.
    Normalised {
        /// Means of red, green and blue.
        mean: [f64; 3],
        /// Standard deviations of red, green and blue.
        std: [f64; 3],
    },
    /// Three channels in the order blue, green, red; normalised likewise, mean and deviation in this order.
    Reversed {
        /// Means of blue, green and red.
        mean: [f64; 3],
        /// Standard deviations of blue, green and red.
        std: [f64; 3],
    },
    /// One channel, 0.299 r + 0.587 g + 0.114 b (ITU-R BT.601; Pillow's mode L but for its rounding
    /// to whole values), normalised likewise.
    Gray {
        /// Its mean.
        mean: f64,
        /// Its standard deviation.
        std: f64,
    },
    /// Six channels, each colour and its complement: r, g, b, 1 − r, 1 − g, 1 − b. B-cos networks take these
    /// (their package says "add inverse"): every colour, black too, is then a direction of the six values.
    WithInverse,
}

impl fmt::Display for Encoding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Encoding::Normalised { mean, std } => write!(f, "rgb, mean {mean:?}, std {std:?}"),
            Encoding::Reversed { mean, std } => write!(f, "bgr, mean {mean:?}, std {std:?}"),
            Encoding::Gray { mean, std } => write!(f, "gray, mean {mean}, std {std}"),
            Encoding::WithInverse => write!(f, "r, g, b, 1 − r, 1 − g, 1 − b"),
        }
    }
}

impl Encoding {
    /// Mean and standard deviation of ImageNet, as in torchvision.
    pub const IMAGENET: Encoding = Encoding::Normalised {
        mean: [0.485, 0.456, 0.406],
        std: [0.229, 0.224, 0.225],
    };

    /// Returns images (N, 3, H, W) in 0–1 as the network's input (N, C, H, W): C is 1 for
    /// [`Encoding::Gray`], 6 for [`Encoding::WithInverse`], else 3.
    ///
    /// # Errors
    /// libtorch's.
    pub fn encode(self, images: &Tensor) -> Result<Tensor, TchError> {
        match self {
            Encoding::WithInverse => {
                let inverse = images.f_neg()?.f_add_scalar(1.0)?;
                Tensor::f_cat(&[images, &inverse], 1)
            }
            Encoding::Normalised { mean, std } => normalised(images, mean, std),
            Encoding::Reversed { mean, std } => {
                normalised(&images.f_flip([1i64].as_slice())?, mean, std)
            }
            Encoding::Gray { mean, std } => images
                .f_mul(&per_channel(images, LUMA)?)?
                .f_sum_dim_intlist([1i64].as_slice(), true, None)?
                .f_sub_scalar(mean)?
                .f_div_scalar(std),
        }
    }
}

/// Shares of red, green and blue in the brightness.
pub const LUMA: [f64; 3] = [0.299, 0.587, 0.114];

/// Returns (`images` − `mean`) / `std`, each channel with its own mean and deviation.
fn normalised(images: &Tensor, mean: [f64; 3], std: [f64; 3]) -> Result<Tensor, TchError> {
    images
        .f_sub(&per_channel(images, mean)?)?
        .f_div(&per_channel(images, std)?)
}

/// Returns `values`, one for each of three channels, as (1, 3, 1, 1) in the type and on the device of `images`.
fn per_channel(images: &Tensor, values: [f64; 3]) -> Result<Tensor, TchError> {
    let values = Tensor::f_from_slice(&values)?.f_to_kind(images.kind())?;
    device::upload(&values, images.device())?.f_view([1, 3, 1, 1])
}
