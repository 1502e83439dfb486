//! torchvision's ResNet-101.

use crate::network::architecture::Architecture;
use crate::network::resnet::{Block, Depth, Family, ResNet};

const DEPTH: Depth = Depth {
    block: Block::Bottleneck,
    n_blocks: [3, 4, 23, 3],
};

/// The network's entry in the list of networks.
pub const ENTRY: Architecture =
    Family::Vanilla.entry("resnet101", "ResNet-101", &|p, n_classes| {
        Box::new(ResNet::new(p, Family::Vanilla, DEPTH, n_classes))
    });
