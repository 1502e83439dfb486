//! torchvision's ResNet-34.

use crate::network::architecture::Architecture;
use crate::network::resnet::{Block, Depth, Family, ResNet};

const DEPTH: Depth = Depth {
    block: Block::Basic,
    n_blocks: [3, 4, 6, 3],
};

/// The network's entry in the list of networks.
pub const ENTRY: Architecture = Family::Vanilla.entry("resnet34", "ResNet-34", &|p, n_classes| {
    Box::new(ResNet::new(p, Family::Vanilla, DEPTH, n_classes))
});
