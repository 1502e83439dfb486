//! torchvision's ResNet-18.

use crate::network::architecture::Architecture;
use crate::network::resnet::{Block, Depth, Family, ResNet};

const DEPTH: Depth = Depth {
    block: Block::Basic,
    n_blocks: [2, 2, 2, 2],
};

/// The network's entry in the list of networks.
pub const ENTRY: Architecture = Family::Vanilla.entry("resnet18", "ResNet-18", &|p, n_classes| {
    Box::new(ResNet::new(p, Family::Vanilla, DEPTH, n_classes))
});
