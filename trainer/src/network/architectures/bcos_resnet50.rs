//! B-cos ResNet-50: the paper's B-cos model.

use crate::network::architecture::Architecture;
use crate::network::resnet::{Block, Depth, Family, ResNet};

const DEPTH: Depth = Depth {
    block: Block::Bottleneck,
    n_blocks: [3, 4, 6, 3],
};

pub const ENTRY: Architecture =
    Family::Bcos.entry("bcos_resnet50", "B-cos ResNet-50", &|p, n_classes| {
        Box::new(ResNet::new(p, Family::Bcos, DEPTH, n_classes))
    });
