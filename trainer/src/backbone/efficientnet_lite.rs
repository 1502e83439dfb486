//! EfficientNet-Lite0: the mobile EfficientNet without squeeze-and-excitation and with ReLU6.
//! Tensor names, TensorFlow "SAME" padding and the norm's eps 1e-3 are those of the published
//! PyTorch conversion of Google's weights.

use tch::{TchError, Tensor};

use crate::backbone::layers::{BatchNorm, Conv, Linear, Padding};
use crate::backbone::{Mode, Network, global_average_pool};
use crate::params::Params;

/// 1 − TensorFlow's decay of 0.99.
const MOMENTUM: f64 = 0.01;
const EPS: f64 = 1e-3;

/// (repeats, kernel, stride of the first, expansion, output channels).
const GROUPS: [(usize, i64, i64, i64, i64); 7] = [
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
];
/// Block that ends each stage before the last: strides 4, 8 and 16.
const STAGE_ENDS: [usize; 3] = [3, 5, 11];

/// Inverted residual: expand, depthwise, project.
#[derive(Debug)]
struct Block {
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
        let mut unit = |conv: &str, bn: &str, shape: (i64, i64, i64), stride: i64, groups: i64| {
            let conv = Conv::new(
                p,
                &format!("_blocks.{index}.{conv}"),
                shape,
                stride,
                Padding::Same,
                groups,
            );
            (
                conv,
                BatchNorm::new(p, &format!("_blocks.{index}.{bn}"), shape.1, MOMENTUM, EPS),
            )
        };
        Block {
            expand: (expansion != 1).then(|| unit("_expand_conv", "_bn0", (c_in, width, 1), 1, 1)),
            depthwise: unit(
                "_depthwise_conv",
                "_bn1",
                (width, width, kernel),
                stride,
                width,
            ),
            project: unit("_project_conv", "_bn2", (width, c_out, 1), 1, 1),
            has_skip: stride == 1 && c_in == c_out,
        }
    }

    fn forward(&self, x: &Tensor, mode: Mode) -> Result<Tensor, TchError> {
        let mut out = match &self.expand {
            Some(unit) => relu6(unit, x, mode)?,
            None => x.shallow_clone(),
        };
        out = relu6(&self.depthwise, &out, mode)?;
        let (conv, norm) = &self.project;
        out = norm.forward(&conv.forward(&out)?, mode)?;
        if self.has_skip {
            out.f_add_(x)
        } else {
            Ok(out)
        }
    }
}

fn relu6((conv, norm): &(Conv, BatchNorm), x: &Tensor, mode: Mode) -> Result<Tensor, TchError> {
    norm.forward(&conv.forward(x)?, mode)?.f_relu6_()
}

/// EfficientNet-Lite0 for `n_classes` classes.
#[derive(Debug)]
pub struct EfficientNetLite {
    stem: (Conv, BatchNorm),
    blocks: Vec<Block>,
    head: (Conv, BatchNorm),
    fc: Linear,
}

impl EfficientNetLite {
    /// The Lite0 size: width and depth 1.0, stem 32 and head 1280 channels.
    pub fn lite0(p: &mut Params, n_classes: i64) -> Self {
        let stem = (
            Conv::new(p, "_conv_stem", (3, 32, 3), 2, Padding::Same, 1),
            BatchNorm::new(p, "_bn0", 32, MOMENTUM, EPS),
        );
        let mut c_in = 32;
        let mut blocks = Vec::new();
        for (repeats, kernel, first_stride, expansion, c_out) in GROUPS {
            for repeat in 0..repeats {
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
        let head = (
            Conv::new(p, "_conv_head", (c_in, 1280, 1), 1, Padding::Same, 1),
            BatchNorm::new(p, "_bn1", 1280, MOMENTUM, EPS),
        );
        EfficientNetLite {
            stem,
            blocks,
            head,
            fc: Linear::new(p, "_fc", 1280, n_classes),
        }
    }
}

impl Network for EfficientNetLite {
    fn stage(&self, stage: usize, x: &Tensor, mode: Mode) -> Result<Tensor, TchError> {
        let last = STAGE_ENDS.len();
        if stage > last {
            // Published with dropout 0.2 before this layer; fine-tuning here goes without.
            return self.fc.forward(&global_average_pool(x)?);
        }
        let first_block = if stage == 0 { 0 } else { STAGE_ENDS[stage - 1] };
        let end_block = if stage == last {
            self.blocks.len()
        } else {
            STAGE_ENDS[stage]
        };
        let mut out = if stage == 0 {
            relu6(&self.stem, x, mode)?
        } else {
            x.shallow_clone()
        };
        for block in &self.blocks[first_block..end_block] {
            out = block.forward(&out, mode)?;
        }
        if stage == last {
            relu6(&self.head, &out, mode)
        } else {
            Ok(out)
        }
    }
}
