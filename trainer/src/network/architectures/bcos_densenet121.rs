//! B-cos DenseNet-121 (Huang et al. 2017 in the `bcos` package's form), with its tensor names.
//!
//! The layers at which it can be explained, `mid1`, `mid2`, `mid3` and `final`, are the outputs of the four
//! dense blocks, of stride 4, 8, 16 and 32; `final` includes the last norm.

use tch::TchError;

use crate::names::Layer;
use crate::network::architecture::{Architecture, Encoding, MemoryFormat};
use crate::network::bcos::{self, BcosConv, UncenteredNorm};
use crate::network::layers::Shape;
use crate::network::params::{Init, Params};
use crate::network::pass::{Pass, Value};
use crate::network::stages::Network;

/// The network's entry in the list of networks; [`Architecture`] says what the fields mean.
pub const ENTRY: Architecture = Architecture {
    name: "bcos_densenet121",
    title: "B-cos DenseNet-121",
    head: &["classifier.linear.weight"],
    encoding: Encoding::WithInverse,
    has_batch_statistics: true,
    is_homogeneous: false,
    has_dynamic_weights: true,
    stem: None,
    is_bcosified: false,
    package_prefix: "",
    cpu_memory_format: MemoryFormat::Contiguous,
    gpu_memory_format: MemoryFormat::Contiguous,
    input: None,
    layers: Layer::ALL,
    description: None,
    build: &|p, n_classes| Box::new(DenseNet::new(p, n_classes)),
};

// The sizes below are DenseNet-121's.

/// Channels that a dense layer adds.
const GROWTH: i64 = 32;
/// Channels between a dense layer's two convolutions.
const BOTTLENECK: i64 = 4 * GROWTH;
/// The number of dense layers in each block.
const LAYERS: [usize; 4] = [6, 12, 24, 16];
/// Channels of the first convolution.
const STEM: i64 = 64;

fn conv(p: &mut Params, name: &str, c_in: i64, c_out: i64, kernel: i64, stride: i64) -> BcosConv {
    let shape = Shape {
        c_in,
        c_out,
        kernel,
        stride,
    };
    BcosConv::new(p, name, shape, Init::KaimingNormalFanIn)
}

/// Two convolutions, 1×1 and 3×3, each behind a norm. Their output is concatenated to their input.
#[derive(Debug)]
struct DenseLayer {
    norm1: UncenteredNorm,
    conv1: BcosConv,
    norm2: UncenteredNorm,
    conv2: BcosConv,
}

impl DenseLayer {
    fn new(p: &mut Params, name: &str, c_in: i64) -> Self {
        DenseLayer {
            norm1: UncenteredNorm::new(p, &format!("{name}.norm1"), c_in),
            conv1: conv(p, &format!("{name}.conv1"), c_in, BOTTLENECK, 1, 1),
            norm2: UncenteredNorm::new(p, &format!("{name}.norm2"), BOTTLENECK),
            conv2: conv(p, &format!("{name}.conv2"), BOTTLENECK, GROWTH, 3, 1),
        }
    }

    fn forward(&self, x: &Value, pass: &Pass) -> Result<Value, TchError> {
        let normed = self.norm1.forward(x, pass)?;
        let inner = self.conv1.forward_normed(&self.norm2, &normed, pass)?;
        let new = self.conv2.forward(&inner, pass)?;
        pass.beside(x, &new)
    }
}

/// What lies between two blocks: a norm, a convolution to half the channels, a pool to half the size.
#[derive(Debug)]
struct Transition {
    norm: UncenteredNorm,
    conv: BcosConv,
}

/// DenseNet-121.
#[derive(Debug)]
struct DenseNet {
    conv0: BcosConv,
    norm0: UncenteredNorm,
    blocks: Vec<Vec<DenseLayer>>,
    transitions: Vec<Transition>,
    norm5: UncenteredNorm,
    classifier: BcosConv,
}

impl DenseNet {
    /// For `n_classes` classes.
    fn new(p: &mut Params, n_classes: i64) -> Self {
        let conv0 = conv(p, "features.conv0", 6, STEM, 7, 2);
        let norm0 = UncenteredNorm::new(p, "features.norm0", STEM);
        let mut channels = STEM;
        let (mut blocks, mut transitions) = (Vec::new(), Vec::new());
        for (index, n_layers) in LAYERS.into_iter().enumerate() {
            let mut block = Vec::new();
            for layer in 0..n_layers {
                let name = format!("features.denseblock{}.denselayer{}", index + 1, layer + 1);
                block.push(DenseLayer::new(p, &name, channels));
                channels += GROWTH;
            }
            blocks.push(block);
            if index + 1 < LAYERS.len() {
                let name = format!("features.transition{}", index + 1);
                transitions.push(Transition {
                    norm: UncenteredNorm::new(p, &format!("{name}.norm"), channels),
                    conv: conv(p, &format!("{name}.conv"), channels, channels / 2, 1, 1),
                });
                channels /= 2;
            }
        }
        DenseNet {
            conv0,
            norm0,
            blocks,
            transitions,
            norm5: UncenteredNorm::new(p, "features.norm5", channels),
            classifier: conv(p, "classifier", channels, n_classes, 1, 1),
        }
    }
}

impl Network for DenseNet {
    fn stage(&self, stage: usize, x: &Value, pass: &Pass) -> Result<Value, TchError> {
        if stage == self.blocks.len() {
            let evidence = pass.global_average_pool(&self.classifier.forward(x, pass)?)?;
            return bcos::logits(&evidence, pass);
        }
        let mut out = if stage == 0 {
            let stem = self.conv0.forward_normed(&self.norm0, x, pass)?;
            pass.avg_pool(&stem, 3, 2, 1)?
        } else {
            let Transition { norm, conv } = &self.transitions[stage - 1];
            pass.avg_pool(&conv.forward(&norm.forward(x, pass)?, pass)?, 2, 2, 0)?
        };
        for layer in &self.blocks[stage] {
            out = layer.forward(&out, pass)?;
        }
        if stage + 1 == self.blocks.len() {
            out = self.norm5.forward(&out, pass)?;
        }
        Ok(out)
    }
}
