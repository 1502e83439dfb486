//! B-cos vision transformers of size S in the `bcos` package's form (SimpleViT: Beyer et al. 2022),
//! with its tensor names: tokens are patches of 16×16 pixels (`bcos_simple_vit_s`), or the output of four
//! convolutions of stride 2 (`bcos_vitc_s`). B-cos layers are in `bcos.rs`.
//!
//! There is no class token: each token is a position of the image, so features at a layer are maps
//! (N, C, h, w) like a convolutional network's, with h, w a sixteenth of the input at every layer. The layers
//! `mid1` to `final`, at which the network can be explained, are the outputs of the encoder blocks that end
//! the first to the last quarter: blocks 3, 6, 9 and 12 of `bcos_simple_vit_s`, 3, 6, 8 and 11 of `bcos_vitc_s`.
//!
//! Shapes: N images, T = h · w tokens, C channels of a token.

use tch::{Kind, TchError, Tensor};

use crate::finite;
use crate::machine::device;
use crate::names::Layer;
use crate::network::architecture::{Architecture, Build, Encoding, MemoryFormat};
use crate::network::bcos::{self, BcosConv, BcosLinear, LayerNorm};
use crate::network::layers::Shape;
use crate::network::params::{Init, Params};
use crate::network::pass::product;
use crate::network::pass::{Pass, Value};
use crate::network::stages::Network;

// The sizes below are those of the package's ViT-S.

/// Channels of a token.
const DIM: i64 = 384;
/// Attention heads.
const HEADS: i64 = 6;
/// Channels between an encoder's two linear layers.
const HIDDEN: i64 = 1536;
/// Side of the part of the image that a token stands for, in pixels.
const PATCH: i64 = 16;
/// Channels of the convolutions before the tokens of `bcos_vitc_s`.
const STEM: [i64; 4] = [48, 96, 192, 384];
/// The wave lengths of the position encoding go from 2π to 2π times this, in tokens.
const TEMPERATURE: f64 = 10_000.0;

/// Returns the record of a vision transformer; [`Architecture`] says what its fields mean.
pub const fn entry(name: &'static str, title: &'static str, build: Build) -> Architecture {
    Architecture {
        name,
        title,
        head: &["linear_head.linear.linear.weight"],
        encoding: Encoding::WithInverse,
        has_batch_statistics: false,
        is_homogeneous: false,
        has_dynamic_weights: true,
        stem: None,
        is_bcosified: false,
        package_prefix: "0.",
        cpu_memory_format: MemoryFormat::Contiguous,
        gpu_memory_format: MemoryFormat::Contiguous,
        input: None,
        layers: Layer::ALL,
        description: None,
        build,
    }
}

/// Attention, then two linear layers, each around a residual connection.
#[derive(Debug)]
struct Encoder {
    attention_norm: LayerNorm,
    qkv: Tensor,
    out: BcosLinear,
    norm: LayerNorm,
    linear1: BcosLinear,
    linear2: BcosLinear,
}

impl Encoder {
    fn new(p: &mut Params, name: &str) -> Self {
        Encoder {
            attention_norm: LayerNorm::tokens(p, &format!("{name}.attn.norm"), DIM),
            qkv: p.weight(
                format!("{name}.attn.to_qkv.weight"),
                &[3 * DIM, DIM],
                Init::UniformFanIn(DIM),
            ),
            out: BcosLinear::new(p, &format!("{name}.attn.to_out"), DIM, DIM),
            norm: LayerNorm::tokens(p, &format!("{name}.ff.net.norm"), DIM),
            linear1: BcosLinear::new(p, &format!("{name}.ff.net.linear1"), DIM, HIDDEN),
            linear2: BcosLinear::new(p, &format!("{name}.ff.net.linear2"), HIDDEN, DIM),
        }
    }

    /// (N, T, C) to (N, T, C).
    fn forward(&self, x: &Value, pass: &Pass) -> Result<Value, TchError> {
        let normed = self.attention_norm.forward(x, pass)?;
        let attended = attention(&normed, &self.qkv, pass)?;
        let x = pass.add(self.out.forward(&attended, pass)?, x)?;
        let inner = self.linear1.forward(&self.norm.forward(&x, pass)?, pass)?;
        pass.add(self.linear2.forward(&inner, pass)?, &x)
    }
}

/// Computes multi-head attention of tokens (N, T, C). The attention matrix is a dynamic weight, a constant
/// for the backward pass; the values are linear in the input.
fn attention(x: &Value, qkv: &Tensor, pass: &Pass) -> Result<Value, TchError> {
    let size = x.tensor().size();
    let (n, tokens) = (size[0], size[1]);
    let width = DIM / HEADS;
    let heads = move |t: &Tensor| t.f_view([n, tokens, HEADS, width])?.f_transpose(1, 2);
    let joined = move |t: &Tensor| t.f_transpose(1, 2)?.f_reshape([n, tokens, DIM]);
    let precision = pass.precision();
    let product = move |a: &Tensor, b: &Tensor| product::matmul(a, b, precision);
    let projected = product::linear(x.tensor(), qkv, None, precision)?;
    let part = |index: i64| heads(&projected.f_narrow(2, index * DIM, DIM)?.f_contiguous()?);
    // 1 / √width is 1/8, a power of two, so scaling the queries gives the same bits as scaling the scores
    // and spares a pass over all pairs of tokens.
    let queries = part(0)?.f_mul_scalar(1.0 / (width as f64).sqrt())?;
    let scores = product(&queries, &part(1)?.f_transpose(-2, -1)?)?;
    // A softmax makes 0 of −∞, which would hide an overflow.
    finite::infinite_to_nan(&scores)?;
    let weights = scores.f_softmax(-1, None::<Kind>)?;
    let out = joined(&product(&weights, &part(2)?)?)?;
    let values = qkv.f_narrow(0, 2 * DIM, DIM)?;
    pass.map(out, x, || {
        let weights = bcos::held(weights);
        Ok(Box::new(move |g| {
            let g = product(&weights.f_transpose(-2, -1)?, &heads(g)?)?;
            product(&joined(&g)?, &values)
        }))
    })
}

/// A vision transformer.
#[derive(Debug)]
pub struct VisionTransformer {
    stem: Vec<(BcosConv, LayerNorm)>,
    /// Side of a token in cells of the stem's output: 16, or 1 behind the four convolutions of stride 2.
    patch: i64,
    embedding: BcosLinear,
    encoders: Vec<Encoder>,
    head_norm: LayerNorm,
    head: BcosLinear,
}

impl VisionTransformer {
    /// 12 encoders on patches of pixels.
    pub fn simple_s(p: &mut Params, n_classes: i64) -> Self {
        Self::new(p, &[], 12, n_classes)
    }

    /// 11 encoders behind four convolutions.
    pub fn convolutional_s(p: &mut Params, n_classes: i64) -> Self {
        Self::new(p, &STEM, 11, n_classes)
    }

    fn new(p: &mut Params, stem: &[i64], depth: usize, n_classes: i64) -> Self {
        // The input: red, green, blue and their complements.
        let mut channels = 6;
        let mut patch = PATCH;
        let mut convolutions = Vec::new();
        for (index, &c_out) in stem.iter().enumerate() {
            // The package numbers three modules for each convolution: itself, its norm and one without tensors.
            let name = |layer: usize| format!("to_patch_embedding.conv_stem.{layer}");
            let shape = Shape {
                c_in: channels,
                c_out,
                kernel: 3,
                stride: 2,
            };
            let init = Init::UniformFanIn(channels * 9);
            let conv = BcosConv::new(p, &name(3 * index), shape, init);
            convolutions.push((conv, LayerNorm::images(p, &name(3 * index + 1), c_out)));
            channels = c_out;
            patch /= 2;
        }
        let inputs = channels * patch * patch;
        let embedding = BcosLinear::new(p, "to_patch_embedding.linear", inputs, DIM);
        let encoders = (0..depth)
            .map(|index| Encoder::new(p, &format!("transformer.encoder_{index}")))
            .collect();
        VisionTransformer {
            stem: convolutions,
            patch,
            embedding,
            encoders,
            head_norm: LayerNorm::tokens(p, "linear_head.norm", DIM),
            head: BcosLinear::new(p, "linear_head.linear", DIM, n_classes),
        }
    }

    /// Images to tokens with their positions, (N, h, w, C).
    fn embed(&self, x: &Value, pass: &Pass) -> Result<Value, TchError> {
        let mut x = x.share();
        for (conv, norm) in &self.stem {
            x = norm.forward(&conv.forward(&x, pass)?, pass)?;
        }
        let tokens = self
            .embedding
            .forward(&patches(&x, self.patch, pass)?, pass)?;
        let size = tokens.tensor().size();
        let positions = positions(size[1], size[2], tokens.tensor())?;
        let out = tokens.tensor().f_add(&positions)?;
        pass.map(out, &tokens, || Ok(Box::new(|g| Ok(g.shallow_clone()))))
    }

    /// The index behind the last encoder of quarter `stage`: (stage + 1) / 4 of all encoders, rounded.
    fn end(&self, stage: usize) -> usize {
        (self.encoders.len() * (stage + 1) + 2) / 4
    }
}

/// (N, C, h·p, w·p) to (N, h, w, p·p·C): the pixels of each patch, channels last.
fn patches(x: &Value, patch: i64, pass: &Pass) -> Result<Value, TchError> {
    let size = x.tensor().size();
    let (n, c, h, w) = (size[0], size[1], size[2] / patch, size[3] / patch);
    let out = x
        .tensor()
        .f_view([n, c, h, patch, w, patch])?
        .f_permute([0, 2, 4, 3, 5, 1])?
        .f_reshape([n, h, w, patch * patch * c])?;
    pass.map(out, x, || {
        Ok(Box::new(move |g| {
            g.f_view([n, h, w, patch, patch, c])?
                .f_permute([0, 5, 1, 3, 2, 4])?
                .f_reshape(size.as_slice())
        }))
    })
}

/// Returns the position encoding (h, w, C). A token's channels are a quarter each of the sines of its column x
/// at all wave lengths, the cosines of x, the sines of its row y and the cosines of y.
fn positions(h: i64, w: i64, like: &Tensor) -> Result<Tensor, TchError> {
    let waves = DIM / 4;
    let mut values = Vec::with_capacity((h * w * DIM) as usize);
    for y in 0..h {
        for x in 0..w {
            for (position, is_cosine) in [(x, false), (x, true), (y, false), (y, true)] {
                for wave in 0..waves {
                    let omega = TEMPERATURE.powf(-(wave as f64) / (waves - 1) as f64);
                    let angle = position as f64 * omega;
                    values.push(if is_cosine { angle.cos() } else { angle.sin() });
                }
            }
        }
    }
    let values = Tensor::f_from_slice(&values)?.f_view([h, w, DIM])?;
    device::upload(&values.f_to_kind(like.kind())?, like.device())
}

/// Turns tokens (N, h, w, C) or (N, T, C) into a map (N, C, h, w).
fn to_image(x: &Value, [h, w]: [i64; 2], pass: &Pass) -> Result<Value, TchError> {
    let size = x.tensor().size();
    let out = x
        .tensor()
        .f_reshape([size[0], h, w, DIM])?
        .f_permute([0, 3, 1, 2])?;
    pass.map(out, x, || {
        Ok(Box::new(move |g| {
            g.f_permute([0, 2, 3, 1])?.f_reshape(size.as_slice())
        }))
    })
}

/// Turns a map (N, C, h, w) into tokens (N, T, C).
fn to_tokens(x: &Value, pass: &Pass) -> Result<Value, TchError> {
    let size = x.tensor().size();
    let (n, h, w) = (size[0], size[2], size[3]);
    let out = x
        .tensor()
        .f_permute([0, 2, 3, 1])?
        .f_reshape([n, h * w, DIM])?;
    pass.map(out, x, || {
        Ok(Box::new(move |g| {
            g.f_view([n, h, w, DIM])?.f_permute([0, 3, 1, 2])
        }))
    })
}

impl Network for VisionTransformer {
    fn stage(&self, stage: usize, x: &Value, pass: &Pass) -> Result<Value, TchError> {
        if stage == 4 {
            let pooled = pass.global_average_pool(x)?;
            let evidence = self
                .head
                .forward(&self.head_norm.forward(&pooled, pass)?, pass)?;
            return bcos::logits(&evidence, pass);
        }
        let (x, begin) = match stage {
            0 => {
                let tokens = self.embed(x, pass)?;
                let size = tokens.tensor().size();
                (to_image(&tokens, [size[1], size[2]], pass)?, 0)
            }
            _ => (x.share(), self.end(stage - 1)),
        };
        let size = x.tensor().size();
        let mut tokens = to_tokens(&x, pass)?;
        for encoder in &self.encoders[begin..self.end(stage)] {
            tokens = encoder.forward(&tokens, pass)?;
        }
        to_image(&tokens, [size[2], size[3]], pass)
    }
}
