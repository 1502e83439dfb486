//! B-cos ResNet-101, as the `bcos` package has it.

use crate::network::architecture::Architecture;
use crate::network::resnet::{Block, Depth, Family, ResNet};

const DEPTH: Depth = Depth {
    block: Block::Bottleneck,
    n_blocks: [3, 4, 23, 3],
};

pub const ENTRY: Architecture =
    Family::Bcos.entry("bcos_resnet101", "B-cos ResNet-101", &|p, n_classes| {
        Box::new(ResNet::new(p, Family::Bcos, DEPTH, n_classes))
    });
