//! All that is measured of one (image, class) pair: its map brought to the grid, then energy and IoU.
//!
//! The trainer's validation calls [`score_pair`]; `score` keeps more of the same numbers for the
//! result tables.

use data_prep::geometry::Mask;

use crate::maps::to_grid;
use crate::metrics::energy::{Energy, energy, on_object};
use crate::metrics::overlap::{Iou, Scale, iou};

/// What validation needs of one pair.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PairScore {
    /// Positive attribution inside the mask.
    pub energy_inside: f64,
    /// Positive attribution of the whole map.
    pub energy_total: f64,
    /// The paper's EPG; `None` where the map has (nearly) no positive attribution. Its mean counts 0.
    pub epg: Option<f64>,
    /// IoU at the threshold asked for.
    pub iou: f64,
}

/// Scores one raw signed map (row-major, `shape` = (height, width), any resolution) against a mask
/// on the grid; IoU at `threshold` (the paper's code uses 0.5). A NaN counts as no attribution.
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

/// What the result tables hold of one pair.
#[derive(Debug, Clone, PartialEq)]
pub struct PairDetail {
    /// Positive attribution inside the boxes.
    pub energy_inside: f64,
    /// Positive attribution of the whole map.
    pub energy_total: f64,
    /// IoU at the fixed threshold.
    pub iou: Iou,
    /// Whether the constant of SPEC B decides its IoU: the map is nearly flat, and its minimum not
    /// subtracted.
    pub is_iou_under_constant: bool,
    /// IoU over the sweep.
    pub sweep: Vec<(f64, Iou)>,
    /// Cells inside the boxes.
    pub mask_area: usize,
    /// Positive attribution inside the class's segmentation, where there is one.
    pub segment_energy: Option<f64>,
}

impl PairDetail {
    /// Scores a map that is on the grid already.
    ///
    /// # Panics
    /// When map and masks are not on one grid.
    pub fn of(map: &[f32], mask: &Mask, segmentation: Option<&Mask>, threshold: f64) -> Self {
        let in_boxes = energy(map, mask);
        let scale = Scale::of(map);
        Self {
            energy_inside: in_boxes.inside,
            energy_total: in_boxes.total,
            iou: scale.iou(map, mask, threshold),
            is_iou_under_constant: scale.is_under_constant,
            sweep: scale.sweep(map, mask),
            mask_area: mask.area(),
            segment_energy: segmentation.map(|segmentation| energy(map, segmentation).inside),
        }
    }

    /// Positive attribution.
    pub fn energy(&self) -> Energy {
        Energy {
            inside: self.energy_inside,
            total: self.energy_total,
        }
    }

    /// EPG of a map of any scale; `None` where nothing is positive.
    pub fn epg(&self) -> Option<f64> {
        self.energy().share()
    }

    /// On-object EPG; `None` without segmentation and where the boxes hold no positive attribution.
    pub fn on_object(&self) -> Option<f64> {
        on_object(self.segment_energy?, self.energy_inside)
    }

    /// IoU at the threshold chosen on validation, the `tuned`-th of the sweep; `None` without one.
    pub fn iou_tuned(&self, tuned: Option<usize>) -> Option<f64> {
        tuned.map(|k| self.sweep[k].1.value())
    }
}

/// A scored (image, class) pair.
#[derive(Debug, Clone, PartialEq)]
pub struct ScoredPair {
    /// Index into `Dataset::images`.
    pub image: usize,
    /// The class explained, one of the image's labels.
    pub class_id: i32,
    /// What was measured.
    pub detail: PairDetail,
}
