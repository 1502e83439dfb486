//! X-DNN ResNet-50 (Hesse et al. 2021), the paper's X-DNN: a ResNet-50 without norms, and without biases but the
//! head's.

use crate::network::architecture::Architecture;
use crate::network::resnet::{Block, Depth, Family, ResNet};

const DEPTH: Depth = Depth {
    block: Block::Bottleneck,
    n_blocks: [3, 4, 6, 3],
};

/// The network's entry in the list of networks.
pub const ENTRY: Architecture =
    Family::Xdnn.entry("xdnn_resnet50", "X-DNN ResNet-50", &|p, n_classes| {
        Box::new(ResNet::new(p, Family::Xdnn, DEPTH, n_classes))
    });
