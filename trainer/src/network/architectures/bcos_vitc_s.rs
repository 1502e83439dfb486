//! B-cos vision transformer, size S, whose tokens are the output of four convolutions.

use crate::network::architecture::Architecture;
use crate::network::vit::{self, VisionTransformer};

/// The network's entry in the list of networks.
pub const ENTRY: Architecture = vit::entry("bcos_vitc_s", "B-cos ViTc-S", &|p, n_classes| {
    Box::new(VisionTransformer::convolutional_s(p, n_classes))
});
