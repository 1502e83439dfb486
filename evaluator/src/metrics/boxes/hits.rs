//! Compares the boxes of a map at each threshold with the annotated ones, as the class `BoxEvaluator` of
//! wsolevaluation does (docs/SPEC.md B).
//!
//! A box has the first column and row of a region and those after the last, or the grid's last where that is the
//! region's. As there, each is a corner, and both corners belong to the box when areas are counted.

use data_prep::geometry::{Grid, GridBox};

use super::levels::{Levels, N_THRESHOLDS};
use super::outline::twice_area;
use super::regions::{Bounds, Region, holes, regions};

/// The intersections over union (IoU) from which on a box is right.
pub(crate) const IOUS: [f64; 3] = [0.3, 0.5, 0.7];
/// The one of [`IOUS`] for the box of the largest region.
const IOU_OF_LARGEST: f64 = 0.5;

/// Whether each threshold gives a right box.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct BoxHits {
    /// For each threshold whether the largest region's box has an IoU of at least 0.5 with an annotated box.
    pub(crate) largest: [bool; N_THRESHOLDS],
    /// For each of [`IOUS`], and each threshold, whether any box, of a region or a hole, has at least this IoU with
    /// any annotated box.
    pub(crate) any: [[bool; N_THRESHOLDS]; 3],
}

impl BoxHits {
    /// Compares the boxes of `map` on `grid` with the annotated `boxes`. A flat map has at each threshold one box, of
    /// the first cell.
    ///
    /// # Panics
    /// When `map` has another number of cells than `grid`.
    pub(crate) fn of(map: &[f32], grid: Grid, boxes: &[GridBox]) -> Self {
        let annotated: Vec<Corners> = boxes
            .iter()
            .map(|b| [b.x1, b.y1, b.x2, b.y2].map(i64::from))
            .collect();
        let best = |found: Corners| {
            let ious = annotated.iter().map(|&other| iou(found, other));
            ious.fold(0.0, f64::max)
        };
        let Some(levels) = Levels::of(map, grid) else {
            let best = best([0; 4]);
            return Self {
                largest: [best >= IOU_OF_LARGEST; N_THRESHOLDS],
                any: IOUS.map(|iou| [best >= iou; N_THRESHOLDS]),
            };
        };
        let regions = regions(&levels);
        let best_of_region = |region: &Region| best(corners(&region.bounds, grid));
        let ious: Vec<f64> = regions.iter().map(best_of_region).collect();
        let mut any = [[false; N_THRESHOLDS]; 3];
        let mut add = |iou: f64, region: &Region| {
            for (hits, least) in any.iter_mut().zip(IOUS) {
                if iou >= least {
                    hits[region.thresholds()].fill(true);
                }
            }
        };
        for (&iou, region) in ious.iter().zip(&regions) {
            add(iou, region);
        }
        // OpenCV's outline of a hole goes over the cells around it.
        holes(&levels, |hole| {
            add(best(corners(&around(&hole.bounds), grid)), &hole);
        });
        Self {
            largest: largest(&levels, &regions, &ious),
            any,
        }
    }
}

/// Returns for each threshold whether the largest of `regions` is right, `ious` being their IoUs. Of equally large
/// ones that counts whose first cell is the last, which OpenCV lists first.
fn largest(levels: &Levels, regions: &[Region], ious: &[f64]) -> [bool; N_THRESHOLDS] {
    let is_right = |iou: f64| iou >= IOU_OF_LARGEST;
    let size = |region: &Region, t: usize| {
        let first = region.bounds.first;
        (twice_area(levels, first, t), first)
    };
    // The largest right region at each threshold.
    let mut right: [Option<(u64, u32)>; N_THRESHOLDS] = [None; N_THRESHOLDS];
    for (region, &iou) in regions.iter().zip(ious) {
        if is_right(iou) {
            for t in region.thresholds() {
                right[t] = right[t].max(Some(size(region, t)));
            }
        }
    }
    // No region is larger than its bounds: only those that might be larger than a right one are measured.
    let least = right.iter().flatten().map(|size| size.0).min();
    let mut hits = right.map(|size| size.is_some());
    for (region, &iou) in regions.iter().zip(ious) {
        let bounds = &region.bounds;
        let columns = u64::from(bounds.right - bounds.left);
        let most = 2 * columns * u64::from(bounds.bottom - bounds.top);
        if is_right(iou) || least.is_none_or(|least| most < least) {
            continue;
        }
        for t in region.thresholds() {
            if right[t].is_some_and(|right| most >= right.0 && size(region, t) > right) {
                hits[t] = false;
            }
        }
    }
    hits
}

/// The corners of a box: left, top, right, bottom.
type Corners = [i64; 4];

/// Returns the corners of the box of a region.
fn corners(bounds: &Bounds, grid: Grid) -> Corners {
    let far = |last: u16, cells: usize| (i64::from(last) + 1).min(cells as i64 - 1);
    [
        bounds.left.into(),
        bounds.top.into(),
        far(bounds.right, grid.width),
        far(bounds.bottom, grid.height),
    ]
}

/// Returns the bounds of a hole with the cells around it.
fn around(hole: &Bounds) -> Bounds {
    Bounds {
        left: hole.left - 1,
        right: hole.right + 1,
        top: hole.top - 1,
        bottom: hole.bottom + 1,
        ..*hole
    }
}

/// Returns the intersection over union of two boxes.
fn iou(a: Corners, b: Corners) -> f64 {
    let area =
        |[left, top, right, bottom]: Corners| (right - left + 1).max(0) * (bottom - top + 1).max(0);
    let both = [
        a[0].max(b[0]),
        a[1].max(b[1]),
        a[2].min(b[2]),
        a[3].min(b[3]),
    ];
    let intersection = area(both);
    let union = area(a) + area(b) - intersection;
    if union > 0 {
        intersection as f64 / union as f64
    } else {
        0.0
    }
}
