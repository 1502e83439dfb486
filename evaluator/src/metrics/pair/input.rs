//! What the metrics of a pair (an image and a class on it) are computed from: its map, its masks, and
//! results that several metrics need.

use std::cell::OnceCell;

use data_prep::geometry::{GridBox, Mask};

use super::ranked::Ranked;
use crate::metrics::boxes::BoxHits;
use crate::metrics::energy::{Energy, Outside, energy, inside, outside};
use crate::metrics::overlap::{Iou, N_THRESHOLDS, Scale, sweep_threshold};

/// IoU's thresholds, on maps scaled to 0..=1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Thresholds {
    /// The fixed threshold, which the metric `iou` uses.
    pub fixed: f64,
    /// The threshold of the metric `iou_tuned`, as an index in the sweep (0.00, 0.05, … 0.95); `None` where none
    /// was chosen on validation.
    pub tuned: Option<usize>,
}

/// A map on the grid, the masks of its image and class, and intermediate results that several metrics
/// need.
#[derive(Debug, Clone)]
pub struct Pair<'a> {
    /// The signed map, row-major, on the grid of `mask`.
    pub map: &'a [f32],
    /// The class's mask: the union of its boxes (docs/SPEC.md A.5), in the reversed task (Waterbirds' backgrounds
    /// as classes) everything outside them.
    pub mask: &'a Mask,
    /// The number of cells inside `mask`.
    pub mask_area: usize,
    /// The union of the segmentations of the class's objects; `None` unless each of them has one.
    pub segmentation: Option<&'a Mask>,
    /// The union of the boxes of other classes on the image; `None` where there are none. It may overlap with
    /// `mask`.
    pub others: Option<&'a Mask>,
    /// The class's boxes, as annotated; `None` where there are none, and in the reversed task. A box may cover no
    /// cell.
    pub boxes: Option<&'a [GridBox]>,
    /// IoU's thresholds.
    pub thresholds: Thresholds,
    /// (height, width) of the image in pixels before resizing. The grid may have another aspect ratio.
    pub image_size: (u32, u32),
    /// Whether the class can say something about guidance (it is not on nearly all images, and its boxes do not
    /// cover most of them; docs/SPEC.md B); `None` where all classes of the data can.
    pub is_informative: Option<bool>,
    /// Positive attribution inside the mask and in total.
    pub energy: Energy,
    /// Positive attribution inside the segmentation; `None` without one.
    pub segment_energy: Option<f64>,
    /// Overlap with the mask at each threshold of the sweep.
    pub sweep: [Iou; N_THRESHOLDS],
    /// How the map is brought to 0..=1 for IoU.
    scale: Scale,
    /// What lies outside the mask, once a metric asked for it.
    outside: OnceCell<Outside>,
    /// The cells by value, once a metric asked for them.
    ranked: OnceCell<Ranked>,
    /// At which thresholds the map's boxes are right, once a metric asked for it.
    box_hits: OnceCell<BoxHits>,
}

impl<'a> Pair<'a> {
    /// Computes the results that several metrics need. `others`, `boxes` and `is_informative` are `None` at
    /// first; the caller may set them.
    ///
    /// # Panics
    /// When map and masks are not on one grid.
    pub fn new(
        map: &'a [f32],
        mask: &'a Mask,
        segmentation: Option<&'a Mask>,
        thresholds: Thresholds,
        image_size: (u32, u32),
    ) -> Self {
        let scale = Scale::of(map);
        Self {
            map,
            mask,
            mask_area: mask.area(),
            segmentation,
            others: None,
            boxes: None,
            thresholds,
            image_size,
            is_informative: None,
            energy: energy(map, mask),
            segment_energy: segmentation.map(|segmentation| inside(map, segmentation)),
            sweep: scale.sweep(map, mask),
            scale,
            outside: OnceCell::new(),
            ranked: OnceCell::new(),
            box_hits: OnceCell::new(),
        }
    }

    /// Returns the positive attribution outside the class's boxes, on other classes and on the background, summed once
    /// for all metrics.
    pub fn outside(&self) -> Outside {
        let sum = || outside(self.map, self.mask, self.others);
        *self.outside.get_or_init(sum)
    }

    /// Returns the cells from the highest value to the lowest, sorted once for all metrics.
    pub(super) fn ranked(&self) -> &Ranked {
        let rank = || Ranked::new(self.map, self.mask, self.mask_area);
        self.ranked.get_or_init(rank)
    }

    /// Returns at which thresholds the map's boxes are right, found once for all metrics; `None` without boxes of the
    /// class.
    pub(crate) fn box_hits(&self) -> Option<&BoxHits> {
        let boxes = self.boxes?;
        let find = || BoxHits::of(self.map, self.mask.grid(), boxes);
        Some(self.box_hits.get_or_init(find))
    }

    /// Whether the cells were sorted.
    #[cfg(test)]
    pub(super) fn is_ranked(&self) -> bool {
        self.ranked.get().is_some()
    }

    /// Returns the overlap of the mask and the cells above a threshold.
    pub fn overlap(&self, threshold: f64) -> Iou {
        let in_sweep = (0..N_THRESHOLDS).find(|&k| sweep_threshold(k) == threshold);
        match in_sweep {
            Some(k) => self.sweep[k],
            None => self.scale.iou(self.map, self.mask, threshold),
        }
    }

    /// Whether the constant of docs/SPEC.md B decides its IoU: the map is so flat that its minimum is not
    /// subtracted.
    pub fn is_iou_under_constant(&self) -> bool {
        self.scale.is_under_constant
    }
}

impl Thresholds {
    /// Returns the threshold chosen on validation, from 0 to 0.95.
    pub fn tuned_value(&self) -> Option<f64> {
        self.tuned.map(sweep_threshold)
    }
}
