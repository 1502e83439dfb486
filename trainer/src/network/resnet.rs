//! ResNets in the paper's three kinds: torchvision's (He et al. 2016), X-DNN (Hesse et al. 2021: no norm and
//! no bias but the head's, so that the network is homogeneous: f(αx) = α f(x) for α ≥ 0) and B-cos (Böhle et
//! al. 2022). They differ in their unit, a convolution with its norm and activation; residual blocks and
//! stages are the same.
//!
//! | | unit | stem pool | head |
//! |---|---|---|---|
//! | vanilla | conv, batch norm, ReLU | max | pool, linear |
//! | X-DNN | conv, ReLU | max | pool, linear |
//! | B-cos | B-cos conv, uncentered norm | mean | 1×1 B-cos conv, pool, logit bias |

use tch::TchError;

use crate::names::Layer;
use crate::network::architecture::{Architecture, Build, Encoding, MemoryFormat};
use crate::network::bcos::{self, BcosConv, UncenteredNorm};
use crate::network::layers::{BatchNorm, Conv, Linear, Padding, Shape};
use crate::network::params::{Init, Params};
use crate::network::pass::{Pass, Value};
use crate::network::stages::Network;

/// Share of the newest batch in a batch norm's running statistics (PyTorch's default).
const MOMENTUM: f64 = 0.1;
/// Added to a batch norm's variance (PyTorch's default).
const EPS: f64 = 1e-5;
/// Channels inside the blocks of layer1 … layer4. A bottleneck block gives four times as many.
const WIDTHS: [i64; 4] = [64, 128, 256, 512];

/// The unit that a network consists of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// torchvision's.
    Vanilla,
    /// Without norms, and without biases but the head's.
    Xdnn,
    /// B-cos.
    Bcos,
}

impl Family {
    /// Returns the record of a network of this family; [`Architecture`] says what its fields mean.
    pub const fn entry(
        self,
        name: &'static str,
        title: &'static str,
        build: Build,
    ) -> Architecture {
        let is_bcos = matches!(self, Family::Bcos);
        Architecture {
            name,
            title,
            head: match self {
                Family::Vanilla | Family::Xdnn => &["fc.weight", "fc.bias"],
                Family::Bcos => &["fc.linear.weight"],
            },
            encoding: match self {
                Family::Vanilla | Family::Xdnn => Encoding::IMAGENET,
                Family::Bcos => Encoding::WithInverse,
            },
            has_batch_statistics: !matches!(self, Family::Xdnn),
            is_homogeneous: matches!(self, Family::Xdnn),
            has_dynamic_weights: is_bcos,
            stem: match self {
                Family::Vanilla => Some("conv1.weight"),
                Family::Xdnn | Family::Bcos => None,
            },
            is_bcosified: false,
            package_prefix: "",
            cpu_memory_format: MemoryFormat::Contiguous,
            gpu_memory_format: match self {
                Family::Vanilla | Family::Xdnn => MemoryFormat::ChannelsLast,
                Family::Bcos => MemoryFormat::Contiguous,
            },
            input: None,
            layers: Layer::ALL,
            description: None,
            build,
        }
    }
}

/// The residual block, and how many of them each layer has.
#[derive(Clone, Copy, Debug)]
pub struct Depth {
    /// The block, the same in all layers.
    pub block: Block,
    /// The number of blocks in layer1 … layer4.
    pub n_blocks: [usize; 4],
}

/// A residual block.
#[derive(Clone, Copy, Debug)]
pub enum Block {
    /// Two 3×3 convolutions.
    Basic,
    /// 1×1, 3×3 and 1×1 to four times the width.
    Bottleneck,
}

impl Block {
    /// Returns the block's output channels divided by its width.
    fn expansion(self) -> i64 {
        match self {
            Block::Basic => 1,
            Block::Bottleneck => 4,
        }
    }

    /// Returns for each convolution of a block: kernel, output channels, whether it has the block's stride.
    fn convolutions(self, width: i64) -> Vec<(i64, i64, bool)> {
        match self {
            Block::Basic => vec![(3, width, true), (3, width, false)],
            Block::Bottleneck => {
                vec![(1, width, false), (3, width, true), (1, 4 * width, false)]
            }
        }
    }
}

/// A convolution and its norm, if any.
#[derive(Debug)]
enum Unit {
    Vanilla(Conv, BatchNorm),
    Xdnn(Conv),
    Bcos(BcosConv, UncenteredNorm),
}

impl Unit {
    /// Creates a unit whose convolution and norm have these names. `init` is for X-DNN's convolutions only; the
    /// others start from a Kaiming normal distribution.
    fn new(
        p: &mut Params,
        family: Family,
        (conv, norm): (&str, &str),
        shape: Shape,
        init: Init,
    ) -> Self {
        let padding = Padding::Zeros(shape.half_padding());
        match family {
            Family::Vanilla => Unit::Vanilla(
                Conv::new(p, conv, shape, padding, 1, Init::KaimingNormalFanOut),
                BatchNorm::new(p, norm, shape.c_out, MOMENTUM, EPS),
            ),
            Family::Xdnn => Unit::Xdnn(Conv::new(p, conv, shape, padding, 1, init)),
            Family::Bcos => Unit::Bcos(
                BcosConv::new(p, conv, shape, Init::KaimingNormalFanOut),
                UncenteredNorm::new(p, norm, shape.c_out),
            ),
        }
    }

    /// Applies the unit to `x`, adds `shortcut`, then applies ReLU if `is_activated` (B-cos networks have no
    /// ReLU, whatever `is_activated` says).
    fn forward(
        &self,
        x: &Value,
        shortcut: Option<&Value>,
        is_activated: bool,
        pass: &Pass,
    ) -> Result<Value, TchError> {
        // All in one operation where that is possible.
        let block = match self {
            Unit::Vanilla(conv, norm) => conv.block(x, Some(norm), shortcut, is_activated, pass)?,
            Unit::Xdnn(conv) => conv.block(x, None, shortcut, is_activated, pass)?,
            Unit::Bcos(..) => None,
        };
        if let Some(out) = block {
            return Ok(out);
        }
        let out = match self {
            Unit::Vanilla(conv, norm) => norm.forward(&conv.forward(x, pass)?, pass)?,
            Unit::Xdnn(conv) => conv.forward(x, pass)?,
            Unit::Bcos(conv, norm) => conv.forward_normed(norm, x, pass)?,
        };
        let out = match shortcut {
            Some(shortcut) => pass.add(out, shortcut)?,
            None => out,
        };
        match self {
            Unit::Vanilla(..) | Unit::Xdnn(_) if is_activated => pass.relu(out),
            _ => Ok(out),
        }
    }
}

/// Convolutions with a residual connection around them.
#[derive(Debug)]
struct Residual {
    units: Vec<Unit>,
    /// Brings the input to the size and channels of the output; `None` where they are the same.
    downsample: Option<Unit>,
}

impl Residual {
    fn new(
        p: &mut Params,
        (family, depth): (Family, Depth),
        name: &str,
        c_in: i64,
        width: i64,
        stride: i64,
    ) -> Self {
        let convolutions = depth.block.convolutions(width);
        let last = convolutions.len() - 1;
        let mut from = c_in;
        let mut units = Vec::new();
        for (i, (kernel, c_out, is_strided)) in convolutions.into_iter().enumerate() {
            let shape = Shape {
                c_in: from,
                c_out,
                kernel,
                stride: if is_strided { stride } else { 1 },
            };
            // X-DNN's fixup initialisation: the last convolution of a branch starts at zero.
            let init = match i == last {
                true => Init::Constant(0.0),
                false => Init::Fixup {
                    n_blocks: depth.n_blocks.iter().sum(),
                    n_branch: last,
                },
            };
            let names = (
                format!("{name}.conv{}", i + 1),
                format!("{name}.bn{}", i + 1),
            );
            units.push(Unit::new(p, family, (&names.0, &names.1), shape, init));
            from = c_out;
        }
        let downsample = (stride != 1 || c_in != from).then(|| {
            let names = match family {
                Family::Xdnn => (format!("{name}.downsample"), String::new()),
                Family::Vanilla | Family::Bcos => (
                    format!("{name}.downsample.0"),
                    format!("{name}.downsample.1"),
                ),
            };
            let shape = Shape {
                c_in,
                c_out: from,
                kernel: 1,
                stride,
            };
            let names = (names.0.as_str(), names.1.as_str());
            Unit::new(p, family, names, shape, Init::KaimingNormalFanOut)
        });
        Residual { units, downsample }
    }

    fn forward(&self, x: &Value, pass: &Pass) -> Result<Value, TchError> {
        let (last, first) = self.units.split_last().expect("a block has units");
        let mut out = x.share();
        for unit in first {
            out = unit.forward(&out, None, true, pass)?;
        }
        let shortcut = match &self.downsample {
            None => x.share(),
            Some(unit) => unit.forward(x, None, false, pass)?,
        };
        last.forward(&out, Some(&shortcut), true, pass)
    }
}

/// The head, from the final features to the logits.
#[derive(Debug)]
enum Head {
    Linear(Linear),
    Bcos(BcosConv),
}

/// A ResNet.
#[derive(Debug)]
pub struct ResNet {
    stem: Unit,
    layers: Vec<Vec<Residual>>,
    head: Head,
}

impl ResNet {
    /// Creates the tensors, with the names, order and initialisation of the published implementations.
    pub fn new(p: &mut Params, family: Family, depth: Depth, n_classes: i64) -> Self {
        // B-cos networks take red, green, blue and their complements.
        let c_image = if family == Family::Bcos { 6 } else { 3 };
        let stem = Shape {
            c_in: c_image,
            c_out: 64,
            kernel: 7,
            stride: 2,
        };
        // X-DNN's stem has PyTorch's default for a convolution.
        let init = Init::UniformFanIn(c_image * 7 * 7);
        let stem = Unit::new(p, family, ("conv1", "bn1"), stem, init);
        let mut c_in = 64;
        let mut layers = Vec::new();
        for (layer, (&width, n_blocks)) in WIDTHS.iter().zip(depth.n_blocks).enumerate() {
            let mut blocks = Vec::new();
            for block in 0..n_blocks {
                let stride = if layer > 0 && block == 0 { 2 } else { 1 };
                let name = format!("layer{}.{block}", layer + 1);
                blocks.push(Residual::new(
                    p,
                    (family, depth),
                    &name,
                    c_in,
                    width,
                    stride,
                ));
                c_in = width * depth.block.expansion();
            }
            layers.push(blocks);
        }
        let head = match family {
            Family::Vanilla | Family::Xdnn => Head::Linear(Linear::new(p, "fc", c_in, n_classes)),
            Family::Bcos => {
                let shape = Shape {
                    c_in,
                    c_out: n_classes,
                    kernel: 1,
                    stride: 1,
                };
                Head::Bcos(BcosConv::new(p, "fc", shape, Init::UniformFanIn(c_in)))
            }
        };
        ResNet { stem, layers, head }
    }

    /// Applies the first convolution and the pool, together of stride 4.
    fn stem(&self, x: &Value, pass: &Pass) -> Result<Value, TchError> {
        let out = self.stem.forward(x, None, true, pass)?;
        match &self.stem {
            Unit::Bcos(..) => pass.avg_pool(&out, 3, 2, 1),
            Unit::Vanilla(..) | Unit::Xdnn(_) => pass.max_pool(&out),
        }
    }
}

impl Network for ResNet {
    fn stage(&self, stage: usize, x: &Value, pass: &Pass) -> Result<Value, TchError> {
        if stage == self.layers.len() {
            return match &self.head {
                Head::Linear(linear) => linear.forward(&pass.global_average_pool(x)?, pass),
                Head::Bcos(conv) => {
                    let evidence = pass.global_average_pool(&conv.forward(x, pass)?)?;
                    bcos::logits(&evidence, pass)
                }
            };
        }
        let mut out = if stage == 0 {
            self.stem(x, pass)?
        } else {
            x.share()
        };
        for block in &self.layers[stage] {
            out = block.forward(&out, pass)?;
        }
        Ok(out)
    }
}
