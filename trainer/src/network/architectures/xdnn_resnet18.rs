//! ResNet-18 without norms and biases.

use crate::network::architecture::Architecture;
use crate::network::resnet::{Block, Depth, Family, ResNet};

const DEPTH: Depth = Depth {
    block: Block::Basic,
    n_blocks: [2, 2, 2, 2],
};

pub const ENTRY: Architecture =
    Family::Xdnn.entry("xdnn_resnet18", "X-DNN ResNet-18", &|p, n_classes| {
        Box::new(ResNet::new(p, Family::Xdnn, DEPTH, n_classes))
    });
