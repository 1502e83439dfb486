//! B-cos ResNet-18.

use crate::network::architecture::Architecture;
use crate::network::resnet::{Block, Depth, Family, ResNet};

const DEPTH: Depth = Depth {
    block: Block::Basic,
    n_blocks: [2, 2, 2, 2],
};

pub const ENTRY: Architecture =
    Family::Bcos.entry("bcos_resnet18", "B-cos ResNet-18", &|p, n_classes| {
        Box::new(ResNet::new(p, Family::Bcos, DEPTH, n_classes))
    });
