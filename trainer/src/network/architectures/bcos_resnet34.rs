//! B-cos ResNet-34, as the `bcos` package has it.

use crate::network::architecture::Architecture;
use crate::network::resnet::{Block, Depth, Family, ResNet};

const DEPTH: Depth = Depth {
    block: Block::Basic,
    n_blocks: [3, 4, 6, 3],
};

pub const ENTRY: Architecture =
    Family::Bcos.entry("bcos_resnet34", "B-cos ResNet-34", &|p, n_classes| {
        Box::new(ResNet::new(p, Family::Bcos, DEPTH, n_classes))
    });
