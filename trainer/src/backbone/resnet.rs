//! torchvision's ResNet-18 (He et al. 2016), split into the stages between the paper's layers.

use tch::{TchError, Tensor};

use crate::backbone::layers::{BatchNorm, Conv, Linear, Padding};
use crate::backbone::{Mode, Network, global_average_pool};
use crate::params::Params;

const MOMENTUM: f64 = 0.1;
const EPS: f64 = 1e-5;
/// Channels of layer1 … layer4.
const WIDTHS: [i64; 4] = [64, 128, 256, 512];
const BLOCKS: usize = 2;

/// Two 3×3 convolutions with a residual connection.
#[derive(Debug)]
struct BasicBlock {
    conv1: Conv,
    bn1: BatchNorm,
    conv2: Conv,
    bn2: BatchNorm,
    downsample: Option<(Conv, BatchNorm)>,
}

impl BasicBlock {
    fn new(p: &mut Params, name: &str, c_in: i64, c_out: i64, stride: i64) -> Self {
        let norm = |p: &mut Params, path: String| BatchNorm::new(p, &path, c_out, MOMENTUM, EPS);
        BasicBlock {
            conv1: Conv::new(
                p,
                &format!("{name}.conv1"),
                (c_in, c_out, 3),
                stride,
                Padding::Zeros(1),
                1,
            ),
            bn1: norm(p, format!("{name}.bn1")),
            conv2: Conv::new(
                p,
                &format!("{name}.conv2"),
                (c_out, c_out, 3),
                1,
                Padding::Zeros(1),
                1,
            ),
            bn2: norm(p, format!("{name}.bn2")),
            downsample: (stride != 1 || c_in != c_out).then(|| {
                let conv = Conv::new(
                    p,
                    &format!("{name}.downsample.0"),
                    (c_in, c_out, 1),
                    stride,
                    Padding::Zeros(0),
                    1,
                );
                (conv, norm(p, format!("{name}.downsample.1")))
            }),
        }
    }

    fn forward(&self, x: &Tensor, mode: Mode) -> Result<Tensor, TchError> {
        let mut out = self.bn1.forward(&self.conv1.forward(x)?, mode)?.f_relu_()?;
        out = self.bn2.forward(&self.conv2.forward(&out)?, mode)?;
        match &self.downsample {
            None => out.f_add_(x)?,
            Some((conv, norm)) => out.f_add_(&norm.forward(&conv.forward(x)?, mode)?)?,
        }
        .f_relu_()
    }
}

/// ResNet-18 for `n_classes` classes.
#[derive(Debug)]
pub struct ResNet {
    conv1: Conv,
    bn1: BatchNorm,
    layers: Vec<Vec<BasicBlock>>,
    fc: Linear,
}

impl ResNet {
    /// The tensors are torchvision's, by name, order and initialisation.
    pub fn resnet18(p: &mut Params, n_classes: i64) -> Self {
        let conv1 = Conv::new(p, "conv1", (3, 64, 7), 2, Padding::Zeros(3), 1);
        let bn1 = BatchNorm::new(p, "bn1", 64, MOMENTUM, EPS);
        let mut c_in = 64;
        let mut layers = Vec::new();
        for (layer, &width) in WIDTHS.iter().enumerate() {
            let mut blocks = Vec::new();
            for block in 0..BLOCKS {
                let stride = if layer > 0 && block == 0 { 2 } else { 1 };
                blocks.push(BasicBlock::new(
                    p,
                    &format!("layer{}.{block}", layer + 1),
                    c_in,
                    width,
                    stride,
                ));
                c_in = width;
            }
            layers.push(blocks);
        }
        ResNet {
            conv1,
            bn1,
            layers,
            fc: Linear::new(p, "fc", c_in, n_classes),
        }
    }
}

impl Network for ResNet {
    fn stage(&self, stage: usize, x: &Tensor, mode: Mode) -> Result<Tensor, TchError> {
        if stage == self.layers.len() {
            return self.fc.forward(&global_average_pool(x)?);
        }
        let mut out = if stage == 0 {
            let stem = self.bn1.forward(&self.conv1.forward(x)?, mode)?.f_relu_()?;
            stem.f_max_pool2d([3, 3], [2, 2], [1, 1], [1, 1], false)?
        } else {
            x.shallow_clone()
        };
        for block in &self.layers[stage] {
            out = block.forward(&out, mode)?;
        }
        Ok(out)
    }
}
