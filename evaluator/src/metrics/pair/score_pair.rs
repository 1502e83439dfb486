//! Scores one pair (an image and a class on it) by EPG and IoU only. The trainer's validation uses this,
//! because it costs less than all metrics.

use data_prep::geometry::Mask;

use crate::maps::to_grid;
use crate::metrics::energy::energy;
use crate::metrics::overlap::iou;

/// The metrics of one pair that validation uses.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PairScore {
    /// Positive attribution inside the mask.
    pub energy_inside: f64,
    /// Positive attribution of the whole map.
    pub energy_total: f64,
    /// The paper's EPG, the share of positive attribution inside the mask; `None` where the positive attribution
    /// sums to less than 1e-7, which counts as 0 in the mean.
    pub epg: Option<f64>,
    /// IoU at the threshold that was given.
    pub iou: f64,
}

/// Scores one signed map (row-major, `shape` = (height, width), any resolution) against a mask on the grid;
/// IoU at `threshold` on the map scaled to 0–1 (the paper's code uses 0.5). A NaN counts as no attribution.
///
/// # Panics
/// When `map` does not have height × width values, or a side is 0.
pub fn score_pair(map: &[f32], shape: (usize, usize), mask: &Mask, threshold: f64) -> PairScore {
    let map = to_grid(map, shape, mask.grid());
    let energy = energy(&map, mask);
    PairScore {
        energy_inside: energy.inside,
        energy_total: energy.total,
        epg: energy.epg(),
        iou: iou(&map, mask, threshold).value(),
    }
}
