//! B-cos ResNet-18: B-cos convolutions and norms in the place of the usual ones (`network/bcos.rs`).

use crate::network::architecture::Architecture;
use crate::network::resnet::{Block, Depth, Family, ResNet};

const DEPTH: Depth = Depth {
    block: Block::Basic,
    n_blocks: [2, 2, 2, 2],
};

/// The network's entry in the list of networks.
pub const ENTRY: Architecture =
    Family::Bcos.entry("bcos_resnet18", "B-cos ResNet-18", &|p, n_classes| {
        Box::new(ResNet::new(p, Family::Bcos, DEPTH, n_classes))
    });
