//! B-cos ResNet-101, as the `bcos` package has it: B-cos convolutions and norms in the place of the usual ones
//! (`network/bcos.rs`).

use crate::network::architecture::Architecture;
use crate::network::resnet::{Block, Depth, Family, ResNet};

const DEPTH: Depth = Depth {
    block: Block::Bottleneck,
    n_blocks: [3, 4, 23, 3],
};

/// The network's entry in the list of networks.
pub const ENTRY: Architecture =
    Family::Bcos.entry("bcos_resnet101", "B-cos ResNet-101", &|p, n_classes| {
        Box::new(ResNet::new(p, Family::Bcos, DEPTH, n_classes))
    });
