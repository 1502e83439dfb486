//! EfficientNet-Lite2: width 1.1, depth 1.2.

use crate::network::architecture::Architecture;
use crate::network::efficientnet_lite::{EfficientNetLite, Size};

/// The network's entry in the list of networks; [`Architecture`] says what the fields mean.
pub const ENTRY: Architecture = Size::entry(
    "efficientnet_lite2",
    "EfficientNet-Lite2",
    &|p, n_classes| Box::new(EfficientNetLite::new(p, SIZE, n_classes)),
);

const SIZE: Size = Size {
    width: 1.1,
    depth: 1.2,
};
