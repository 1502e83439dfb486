//! B-cos vision transformer, size S, with convolutions before its tokens.

use crate::network::architecture::Architecture;
use crate::network::vit::{self, VisionTransformer};

pub const ENTRY: Architecture = vit::entry("bcos_vitc_s", "B-cos ViTc-S", &|p, n_classes| {
    Box::new(VisionTransformer::convolutional_s(p, n_classes))
});
