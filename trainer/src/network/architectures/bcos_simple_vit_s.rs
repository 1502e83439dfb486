//! B-cos vision transformer, size S, whose tokens are patches of 16×16 pixels.

use crate::network::architecture::Architecture;
use crate::network::vit::{self, VisionTransformer};

/// The network's entry in the list of networks.
pub const ENTRY: Architecture = vit::entry("bcos_simple_vit_s", "B-cos ViT-S", &|p, n_classes| {
    Box::new(VisionTransformer::simple_s(p, n_classes))
});
