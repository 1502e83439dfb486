//! What the trainer needs to know of a network: its entry, which the network's own file fills in. The
//! list of them is in `architectures/mod.rs`; nothing else names a network.

use tch::{TchError, Tensor};

use crate::machine::device;
use crate::network::params::Params;
use crate::network::stages::Network;

/// A network's entry.
#[derive(Clone, Copy, Debug)]
pub struct Architecture {
    /// Its one spelling in configurations, tables and the metadata of weights.
    pub name: &'static str,
    /// What people call it.
    pub title: &'static str,
    /// Names of the tensors whose shape depends on the number of classes, the weight first.
    pub head: &'static [&'static str],
    /// What its input is made of.
    pub encoding: Encoding,
    /// Whether its norms have statistics over a batch, so that in training images see each other.
    pub has_batch_statistics: bool,
    /// Whether f(αx) = α f(x) up to the head's bias, so that integrated gradients equal Input × Gradient
    /// (SPEC A.3).
    pub is_homogeneous: bool,
    /// Whether its layers have dynamic weights (SPEC A.3), so that `bcos` explains it.
    pub has_dynamic_weights: bool,
    /// What the published package puts before the names of this network's tensors.
    pub package_prefix: &'static str,
    /// How its numbers lie in a GPU's memory.
    pub gpu_order: MemoryOrder,
    /// Asks for its tensors, with a head for so many classes, by their published names.
    pub build: fn(&mut Params, i64) -> Box<dyn Network>,
}

/// Which numbers of an image are next to each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MemoryOrder {
    /// Planes, one a channel, as the fused operations on the CPU want them. cuDNN takes ten seconds to
    /// prepare depthwise convolutions in the other order, and libtorch 2.11 gets the gradient of a mean
    /// pooling with padding wrong there (pytorch issue 188344).
    Planes,
    /// The channels of a pixel, as decoded: faster on a GPU for plain convolutions (docs/benchmarks.md).
    ChannelsLast,
}

/// From an image in 0–1 to a network's input (SPEC C.3).
#[derive(Clone, Copy, Debug)]
pub enum Encoding {
    /// Three channels (x − mean) / deviation.
    Normalised {
        /// Of red, green and blue.
        mean: [f64; 3],
        /// Of red, green and blue.
        deviation: [f64; 3],
    },
    /// The six channels r, g, b, 1 − r, 1 − g, 1 − b, so that a colour is a direction (B-cos networks).
    WithInverse,
}

impl Encoding {
    /// torchvision's, of ImageNet.
    pub const IMAGENET: Encoding = Encoding::Normalised {
        mean: [0.485, 0.456, 0.406],
        deviation: [0.229, 0.224, 0.225],
    };

    /// Images (N, 3, H, W) in 0–1 as the network's input (N, 3 or 6, H, W).
    ///
    /// # Errors
    /// libtorch's.
    pub fn encode(self, images: &Tensor) -> Result<Tensor, TchError> {
        match self {
            Encoding::WithInverse => {
                let inverse = images.f_neg()?.f_add_scalar(1.0)?;
                Tensor::f_cat(&[images, &inverse], 1)
            }
            Encoding::Normalised { mean, deviation } => {
                let per_channel = |values: [f64; 3]| {
                    let values = Tensor::f_from_slice(&values)?.f_to_kind(images.kind())?;
                    device::upload(&values, images.device())?.f_view([1, 3, 1, 1])
                };
                images
                    .f_sub(&per_channel(mean)?)?
                    .f_div(&per_channel(deviation)?)
            }
        }
    }
}
