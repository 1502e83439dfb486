//! X-DNN ResNet-18 (Hesse et al. 2021): a ResNet-18 without norms, and without biases but the head's.

use crate::network::architecture::Architecture;
use crate::network::resnet::{Block, Depth, Family, ResNet};

const DEPTH: Depth = Depth {
    block: Block::Basic,
    n_blocks: [2, 2, 2, 2],
};

/// The network's entry in the list of networks.
pub const ENTRY: Architecture =
    Family::Xdnn.entry("xdnn_resnet18", "X-DNN ResNet-18", &|p, n_classes| {
        Box::new(ResNet::new(p, Family::Xdnn, DEPTH, n_classes))
    });
