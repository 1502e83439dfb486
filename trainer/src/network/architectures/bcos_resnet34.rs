//! B-cos ResNet-34, as the `bcos` package has it: B-cos convolutions and norms in the place of the usual ones
//! (`network/bcos.rs`).

use crate::network::architecture::Architecture;
use crate::network::resnet::{Block, Depth, Family, ResNet};

const DEPTH: Depth = Depth {
    block: Block::Basic,
    n_blocks: [3, 4, 6, 3],
};

/// The network's entry in the list of networks.
pub const ENTRY: Architecture =
    Family::Bcos.entry("bcos_resnet34", "B-cos ResNet-34", &|p, n_classes| {
        Box::new(ResNet::new(p, Family::Bcos, DEPTH, n_classes))
    });
