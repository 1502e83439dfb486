//! EfficientNet-Lite1: width 1.0, depth 1.1.

use crate::network::architecture::Architecture;
use crate::network::efficientnet_lite::{EfficientNetLite, Size};

/// The network's entry in the list of networks; [`Architecture`] says what the fields mean.
pub const ENTRY: Architecture = Size::entry(
    "efficientnet_lite1",
    "EfficientNet-Lite1",
    &|p, n_classes| Box::new(EfficientNetLite::new(p, SIZE, n_classes)),
);

const SIZE: Size = Size {
    width: 1.0,
    depth: 1.1,
};
