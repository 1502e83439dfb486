//! The results of one (image, class) pair that an evaluation keeps.

use super::input::Pair;
use super::list::PAIR_METRICS;
use super::metric::Measured;
use crate::metrics::energy::Energy;
use crate::metrics::overlap::{Iou, N_THRESHOLDS};

/// A scored (image, class) pair.
#[derive(Debug, Clone, PartialEq)]
pub struct ScoredPair {
    /// Index into `Dataset::images`.
    pub image: usize,
    /// The class explained, one of the image's labels.
    pub class_id: i32,
    /// The value of each of [`PAIR_METRICS`].
    pub values: [Measured; PAIR_METRICS.len()],
    /// Positive attribution inside the boxes and in total.
    pub energy: Energy,
    /// Positive attribution inside the class's segmentation, where there is one.
    pub segment_energy: Option<f64>,
    /// Cells inside the boxes.
    pub mask_area: usize,
    /// Whether the constant of SPEC B decides its IoU.
    pub is_iou_under_constant: bool,
    /// Overlap with the boxes at each threshold of the sweep.
    pub sweep: [Iou; N_THRESHOLDS],
}

impl ScoredPair {
    /// Measures `pair`, of an image and one of its labels.
    pub fn new(image: usize, class_id: i32, pair: &Pair) -> Self {
        Self {
            image,
            class_id,
            values: std::array::from_fn(|k| PAIR_METRICS[k].measure(pair)),
            energy: pair.energy,
            segment_energy: pair.segment_energy,
            mask_area: pair.mask.area(),
            is_iou_under_constant: pair.is_iou_under_constant(),
            sweep: pair.sweep,
        }
    }
}
