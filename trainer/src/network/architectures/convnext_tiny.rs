//! ConvNeXt-Tiny (Liu et al. 2022) with torchvision's tensor names: layer norms over channels, GELU,
//! layer scale. Stochastic depth is off, as dropout is elsewhere.
//!
//! The layers at which it can be explained, `mid1`, `mid2`, `mid3` and `final`, are the outputs of the four
//! stages, of stride 4, 8, 16 and 32. `mid1` to `mid3` are taken behind the norm that lies between two stages:
//! a norm ignores the scale of its input, so Input × Gradient in front of it, summed over the channels of a
//! pixel, is zero but for rounding. All backward passes are libtorch's (`Pass::opaque`).

use tch::{TchError, Tensor};

use crate::finite;
use crate::names::{Layer, Precision};
use crate::network::architecture::{Architecture, Encoding, MemoryFormat};
use crate::network::params::{Init, Params};
use crate::network::pass::{Pass, Value, Window, product};
use crate::network::stages::Network;

/// The network's entry in the list of networks; [`Architecture`] says what the fields mean.
pub const ENTRY: Architecture = Architecture {
    name: "convnext_tiny",
    title: "ConvNeXt-Tiny",
    head: &["classifier.2.weight", "classifier.2.bias"],
    encoding: Encoding::IMAGENET,
    has_batch_statistics: false,
    is_homogeneous: false,
    has_dynamic_weights: false,
    stem: None,
    is_bcosified: false,
    package_prefix: "",
    cpu_memory_format: MemoryFormat::Contiguous,
    gpu_memory_format: MemoryFormat::Contiguous,
    input: None,
    layers: Layer::ALL,
    description: None,
    build: &|p, n_classes| Box::new(ConvNext::new(p, n_classes)),
};

// The constants below are torchvision's.

/// Channels of each stage.
const CHANNELS: [i64; 4] = [96, 192, 384, 768];
/// The number of blocks in each stage.
const N_BLOCKS: [usize; 4] = [3, 3, 9, 3];
/// Added to the variance in layer norms.
const EPS: f64 = 1e-6;
/// Initial value of the learned factors of what a block adds to its input.
const LAYER_SCALE: f64 = 1e-6;
/// Standard deviation of fresh weights of convolutions and linear layers.
const DEVIATION: f64 = 0.02;

/// A convolution or linear layer.
#[derive(Debug)]
struct Affine {
    weight: Tensor,
    bias: Tensor,
}

impl Affine {
    /// `name.weight` of `shape`, the outputs first, and `name.bias`.
    fn new(p: &mut Params, name: &str, shape: &[i64]) -> Self {
        Affine {
            weight: p.weight(format!("{name}.weight"), shape, Init::Normal(DEVIATION)),
            bias: p.weight(format!("{name}.bias"), &shape[..1], Init::Constant(0.0)),
        }
    }

    /// (N, C, H, W) to (N, C', H', W').
    fn conv(&self, x: &Tensor, window: Window, precision: Precision) -> Result<Tensor, TchError> {
        product::conv(x, &self.weight, window, precision)?.f_add(&self.bias.f_view([1, -1, 1, 1])?)
    }

    /// (…, in) to (…, out).
    fn linear(&self, x: &Tensor, precision: Precision) -> Result<Tensor, TchError> {
        product::linear(x, &self.weight, Some(&self.bias), precision)
    }
}

/// A layer norm over the last axis.
#[derive(Debug)]
struct LayerNorm {
    weight: Tensor,
    bias: Tensor,
}

impl LayerNorm {
    fn new(p: &mut Params, name: &str, channels: i64) -> Self {
        LayerNorm {
            weight: p.weight(format!("{name}.weight"), &[channels], Init::Constant(1.0)),
            bias: p.weight(format!("{name}.bias"), &[channels], Init::Constant(0.0)),
        }
    }

    /// (…, C) to the same shape. libtorch's own layer norm is not used, because it gives 0 where the variance
    /// overflows.
    fn forward(&self, x: &Tensor) -> Result<Tensor, TchError> {
        let axis = [-1i64];
        let centred = x.f_sub(&x.f_mean_dim(axis.as_slice(), true, None)?)?;
        let square = centred
            .f_square()?
            .f_mean_dim(axis.as_slice(), true, None)?
            .f_add_scalar(EPS)?;
        // Makes NaN of an infinite variance, in place: rsqrt would make 0 of it and so hide the overflow.
        finite::infinite_to_nan(&square)?;
        centred
            .f_mul(&square.f_rsqrt()?)?
            .f_mul(&self.weight)?
            .f_add(&self.bias)
    }

    /// Norms images (N, C, H, W) over the channels of each pixel.
    fn of_pixels(&self, x: &Tensor) -> Result<Tensor, TchError> {
        self.forward(&x.f_permute([0, 2, 3, 1])?)?
            .f_permute([0, 3, 1, 2])
    }
}

/// A depthwise convolution and two linear layers over the channels, with a residual connection around them.
#[derive(Debug)]
struct Block {
    depthwise: Affine,
    norm: LayerNorm,
    widen: Affine,
    narrow: Affine,
    scale: Tensor,
}

impl Block {
    fn new(p: &mut Params, name: &str, channels: i64) -> Self {
        Block {
            scale: p.weight(
                format!("{name}.layer_scale"),
                &[channels, 1, 1],
                Init::Constant(LAYER_SCALE),
            ),
            depthwise: Affine::new(p, &format!("{name}.block.0"), &[channels, 1, 7, 7]),
            norm: LayerNorm::new(p, &format!("{name}.block.2"), channels),
            widen: Affine::new(p, &format!("{name}.block.3"), &[4 * channels, channels]),
            narrow: Affine::new(p, &format!("{name}.block.5"), &[channels, 4 * channels]),
        }
    }

    fn forward(&self, x: &Tensor, precision: Precision) -> Result<Tensor, TchError> {
        let window = Window {
            stride: 1,
            padding: [3, 3],
            groups: x.size()[1],
        };
        let pixels = self.depthwise.conv(x, window, precision)?;
        let pixels = self.norm.forward(&pixels.f_permute([0, 2, 3, 1])?)?;
        let inner = self.widen.linear(&pixels, precision)?.f_gelu("none")?;
        let pixels = self.narrow.linear(&inner, precision)?;
        pixels.f_permute([0, 3, 1, 2])?.f_mul(&self.scale)?.f_add(x)
    }
}

/// The norm and convolution that bring the image, or the features of the previous stage, to a stage's size and
/// channels.
#[derive(Debug)]
struct Entrance {
    norm: LayerNorm,
    conv: Affine,
    stride: i64,
}

#[derive(Debug)]
struct ConvNext {
    entrances: Vec<Entrance>,
    stages: Vec<Vec<Block>>,
    head_norm: LayerNorm,
    head: Affine,
}

impl ConvNext {
    fn new(p: &mut Params, n_classes: i64) -> Self {
        let (mut entrances, mut stages) = (Vec::new(), Vec::new());
        let mut c_in = 3;
        for (stage, (channels, n_blocks)) in CHANNELS.into_iter().zip(N_BLOCKS).enumerate() {
            let name = |part: usize| format!("features.{}.{part}", 2 * stage);
            // The stem is a convolution, then a norm; the others are a norm, then a convolution.
            let entrance = match stage {
                0 => Entrance {
                    conv: Affine::new(p, &name(0), &[channels, c_in, 4, 4]),
                    norm: LayerNorm::new(p, &name(1), channels),
                    stride: 4,
                },
                _ => Entrance {
                    norm: LayerNorm::new(p, &name(0), c_in),
                    conv: Affine::new(p, &name(1), &[channels, c_in, 2, 2]),
                    stride: 2,
                },
            };
            entrances.push(entrance);
            let blocks = (0..n_blocks).map(|block| {
                Block::new(p, &format!("features.{}.{block}", 2 * stage + 1), channels)
            });
            stages.push(blocks.collect());
            c_in = channels;
        }
        ConvNext {
            entrances,
            stages,
            head_norm: LayerNorm::new(p, "classifier.0", c_in),
            head: Affine::new(p, "classifier.2", &[n_classes, c_in]),
        }
    }

    /// Computes what comes before the blocks of `stage`: for stage 0 convolution and norm, for the others only
    /// the convolution, as [`Network::stage`] computes the norm before it at the end of the previous stage.
    fn enter(&self, stage: usize, x: &Tensor, precision: Precision) -> Result<Tensor, TchError> {
        let Entrance { norm, conv, stride } = &self.entrances[stage];
        let window = Window {
            stride: *stride,
            padding: [0, 0],
            groups: 1,
        };
        match stage {
            0 => norm.of_pixels(&conv.conv(x, window, precision)?),
            _ => conv.conv(x, window, precision),
        }
    }
}

impl Network for ConvNext {
    fn stage(&self, stage: usize, x: &Value, pass: &Pass) -> Result<Value, TchError> {
        let precision = pass.precision();
        if stage == self.stages.len() {
            return pass.opaque(&[x], |x| {
                let pooled = x[0].f_mean_dim([2i64, 3].as_slice(), false, None)?;
                self.head
                    .linear(&self.head_norm.forward(&pooled)?, precision)
            });
        }
        let mut out = pass.opaque(&[x], |x| self.enter(stage, &x[0], precision))?;
        for block in &self.stages[stage] {
            out = pass.opaque(&[&out], |x| block.forward(&x[0], precision))?;
        }
        match self.entrances.get(stage + 1) {
            Some(Entrance { norm, .. }) => pass.opaque(&[&out], |x| norm.of_pixels(&x[0])),
            None => Ok(out),
        }
    }
}
