//! The EfficientNet-Lites: mobile EfficientNets without squeeze-and-excitation and with ReLU6.
//! Tensor names, TensorFlow "SAME" padding and the norm's eps 1e-3 are those of the published
//! PyTorch conversion of Google's weights (`efficientnet_lite_pytorch`).

use tch::TchError;

use crate::names::Layer;
use crate::network::architecture::{Architecture, Build, Encoding, MemoryFormat};
use crate::network::layers::{BatchNorm, Conv, Linear, Padding, Shape};
use crate::network::params::{Init, Params};
use crate::network::pass::{Pass, Value};
use crate::network::stages::Network;

/// A size of the network.
#[derive(Clone, Copy, Debug)]
pub struct Size {
    /// By what the channels of the blocks are multiplied, then rounded to multiples of 8.
    pub width: f64,
    /// By what the number of blocks in each group but the first and the last is multiplied, then rounded up.
    pub depth: f64,
}

impl Size {
    /// The entry of the network of this size.
    pub const fn entry(name: &'static str, title: &'static str, build: Build) -> Architecture {
        Architecture {
            name,
            title,
            head: &["_fc.weight", "_fc.bias"],
            encoding: Encoding::Normalised {
                mean: [127.0 / 255.0; 3],
                std: [128.0 / 255.0; 3],
            },
            has_batch_statistics: true,
            is_homogeneous: false,
            has_dynamic_weights: false,
            stem: Some("_conv_stem.weight"),
            is_bcosified: false,
            package_prefix: "",
            cpu_memory_format: MemoryFormat::ChannelsLast,
            gpu_memory_format: MemoryFormat::Contiguous,
            input: None,
            layers: Layer::ALL,
            description: None,
            build,
        }
    }

    /// The number of blocks in each group.
    fn repeats(self) -> [usize; 7] {
        let last = BLOCKS.len() - 1;
        std::array::from_fn(|group| match BLOCKS[group].0 {
            n if group == 0 || group == last => n,
            n => (n as f64 * self.depth).ceil() as usize,
        })
    }

    /// The channels of a group of blocks that has `channels` in Lite0: the nearest multiple of 8, or the next
    /// if that is more than a tenth too few.
    fn channels(self, channels: i64) -> i64 {
        let wanted = self.width * channels as f64;
        let rounded = (((wanted + 4.0) / 8.0).floor() * 8.0).max(8.0);
        match rounded < 0.9 * wanted {
            true => rounded as i64 + 8,
            false => rounded as i64,
        }
    }
}

/// Share of the newest batch in running statistics: 1 − TensorFlow's decay of 0.99.
const MOMENTUM: f64 = 0.01;
/// Added to the variance in batch norms.
const EPS: f64 = 1e-3;

/// Groups of blocks, EfficientNet-B0's: (number of blocks, kernel, stride of the first block, factor by which a
/// block widens its channels, output channels).
const BLOCKS: [(usize, i64, i64, i64, i64); 7] = [
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
];
/// The number of groups up to the end of stages 0, 1 and 2, which end at the layers `mid1`, `mid2` and `mid3` of
/// stride 4, 8 and 16. Stage 3 has all other blocks and the head convolution and ends at `final`.
const STAGE_ENDS: [usize; 3] = [2, 3, 5];

/// An inverted residual block: a 1×1 convolution to more channels, a depthwise one, a 1×1 one to fewer.
#[derive(Debug)]
struct Block {
    /// `None` if the expansion is 1.
    expand: Option<(Conv, BatchNorm)>,
    depthwise: (Conv, BatchNorm),
    project: (Conv, BatchNorm),
    has_skip: bool,
}

impl Block {
    fn new(
        p: &mut Params,
        index: usize,
        (c_in, c_out): (i64, i64),
        kernel: i64,
        stride: i64,
        expansion: i64,
    ) -> Self {
        let width = c_in * expansion;
        let mut unit = |conv: &str, bn: &str, shape: Shape, groups: i64| {
            let (conv, bn) = (
                format!("_blocks.{index}.{conv}"),
                format!("_blocks.{index}.{bn}"),
            );
            unit(p, (&conv, &bn), shape, groups)
        };
        let pointwise = |c_in, c_out| Shape {
            c_in,
            c_out,
            kernel: 1,
            stride: 1,
        };
        let spatial = Shape {
            c_in: width,
            c_out: width,
            kernel,
            stride,
        };
        Block {
            expand: (expansion != 1)
                .then(|| unit("_expand_conv", "_bn0", pointwise(c_in, width), 1)),
            depthwise: unit("_depthwise_conv", "_bn1", spatial, width),
            project: unit("_project_conv", "_bn2", pointwise(width, c_out), 1),
            has_skip: stride == 1 && c_in == c_out,
        }
    }

    fn forward(&self, x: &Value, pass: &Pass) -> Result<Value, TchError> {
        let mut out = match &self.expand {
            Some(unit) => relu6(unit, x, pass)?,
            None => x.share(),
        };
        out = relu6(&self.depthwise, &out, pass)?;
        let (conv, norm) = &self.project;
        out = norm.forward(&conv.forward(&out, pass)?, pass)?;
        if self.has_skip {
            pass.add(out, x)
        } else {
            Ok(out)
        }
    }
}

/// Creates a convolution and its norm with these names.
fn unit(p: &mut Params, (conv, bn): (&str, &str), shape: Shape, groups: i64) -> (Conv, BatchNorm) {
    (
        Conv::new(
            p,
            conv,
            shape,
            Padding::Same,
            groups,
            Init::KaimingNormalFanOut,
        ),
        BatchNorm::new(p, bn, shape.c_out, MOMENTUM, EPS),
    )
}

/// Applies a convolution, its norm and ReLU6.
fn relu6((conv, norm): &(Conv, BatchNorm), x: &Value, pass: &Pass) -> Result<Value, TchError> {
    pass.relu6(norm.forward(&conv.forward(x, pass)?, pass)?)
}

/// An EfficientNet-Lite.
#[derive(Debug)]
pub struct EfficientNetLite {
    stem: (Conv, BatchNorm),
    blocks: Vec<Block>,
    /// The number of blocks up to the end of each stage before the last.
    stage_ends: [usize; 3],
    head: (Conv, BatchNorm),
    fc: Linear,
}

impl EfficientNetLite {
    /// Stem and head have 32 and 1280 channels in every size.
    pub fn new(p: &mut Params, size: Size, n_classes: i64) -> Self {
        let stem = Shape {
            c_in: 3,
            c_out: 32,
            kernel: 3,
            stride: 2,
        };
        let stem = unit(p, ("_conv_stem", "_bn0"), stem, 1);
        let mut c_in = 32;
        let mut blocks = Vec::new();
        let repeats = size.repeats();
        for (group, (_, kernel, first_stride, expansion, channels)) in
            BLOCKS.into_iter().enumerate()
        {
            let c_out = size.channels(channels);
            for repeat in 0..repeats[group] {
                let stride = if repeat == 0 { first_stride } else { 1 };
                blocks.push(Block::new(
                    p,
                    blocks.len(),
                    (c_in, c_out),
                    kernel,
                    stride,
                    expansion,
                ));
                c_in = c_out;
            }
        }
        let head = Shape {
            c_in,
            c_out: 1280,
            kernel: 1,
            stride: 1,
        };
        let head = unit(p, ("_conv_head", "_bn1"), head, 1);
        EfficientNetLite {
            stem,
            blocks,
            stage_ends: STAGE_ENDS.map(|groups| repeats[..groups].iter().sum()),
            head,
            fc: Linear::new(p, "_fc", 1280, n_classes),
        }
    }
}

impl Network for EfficientNetLite {
    fn stage(&self, stage: usize, x: &Value, pass: &Pass) -> Result<Value, TchError> {
        let last = self.stage_ends.len();
        if stage > last {
            // The published network has dropout 0.2 before this layer; fine-tuning here has none.
            return self.fc.forward(&pass.global_average_pool(x)?, pass);
        }
        let first_block = if stage == 0 {
            0
        } else {
            self.stage_ends[stage - 1]
        };
        let end_block = if stage == last {
            self.blocks.len()
        } else {
            self.stage_ends[stage]
        };
        let mut out = if stage == 0 {
            relu6(&self.stem, x, pass)?
        } else {
            x.share()
        };
        for block in &self.blocks[first_block..end_block] {
            out = block.forward(&out, pass)?;
        }
        if stage == last {
            relu6(&self.head, &out, pass)
        } else {
            Ok(out)
        }
    }
}
