//! Lists the measures that alter images, in the order of the table's rows. Behind them comes
//! [`randomisation`](super::randomisation), which alters the network.

use crate::faithfulness::measure::Measure;

/// All of them.
pub const MEASURES: &[Measure] = &[
    super::insertion::MEASURE,
    super::deletion::MEASURE,
    super::removal::BOX,
    super::removal::REST,
    super::removal::ELSEWHERE,
    super::removal::SEGMENTATION,
    super::removal::SEGMENTATION_REST,
    super::removal::SEGMENTATION_ELSEWHERE,
];
