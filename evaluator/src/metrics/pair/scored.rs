//! Defines [`ScoredPair`], what an evaluation keeps of a pair (an image and a class on it) when its map is
//! no longer in memory.

use super::input::Pair;
use super::list::PAIR_METRICS;
use super::metric::Measured;
use crate::metrics::energy::Energy;
use crate::metrics::overlap::{Iou, N_THRESHOLDS};

/// A pair with the values of its metrics.
#[derive(Debug, Clone, PartialEq)]
pub struct ScoredPair {
    /// Index into `Dataset::images`.
    pub image: usize,
    /// The class explained, one of the image's labels.
    pub class_id: i32,
    /// The value of each of [`PAIR_METRICS`], in their order.
    pub values: [Measured; PAIR_METRICS.len()],
    /// Positive attribution inside the mask and in total.
    pub energy: Energy,
    /// Positive attribution inside the class's segmentation; `None` without one.
    pub segment_energy: Option<f64>,
    /// The number of grid cells inside the mask.
    pub mask_area: usize,
    /// Whether the constant of docs/SPEC.md B decides its IoU ([`Pair::is_iou_under_constant`]).
    pub is_iou_under_constant: bool,
    /// Overlap with the mask at each threshold of the sweep (0.00, 0.05, … 0.95).
    pub sweep: [Iou; N_THRESHOLDS],
}

impl ScoredPair {
    /// Measures `pair`, which is of the image with index `image` and the class `class_id` on it.
    pub fn new(image: usize, class_id: i32, pair: &Pair) -> Self {
        Self {
            image,
            class_id,
            values: std::array::from_fn(|k| PAIR_METRICS[k].measure(pair)),
            energy: pair.energy,
            segment_energy: pair.segment_energy,
            mask_area: pair.mask_area,
            is_iou_under_constant: pair.is_iou_under_constant(),
            sweep: pair.sweep,
        }
    }
}
