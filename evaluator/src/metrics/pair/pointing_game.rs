//! The metric `pointing_game` (Zhang et al. 2018, docs/SPEC.md B): 1, a hit, where the map's maximum lies
//! nearer than 15 pixels to the class's mask, else 0.
//!
//! The rule is that of TorchRay's class `PointingGame`: distances are Euclidean, and a distance of exactly 15
//! pixels is a miss. The point is found as in its attribution benchmark: the map is brought to the size of
//! the image by bilinear interpolation (PyTorch's with `align_corners=False`), and the maximum is that of the
//! signed map, the first of equals row by row. A flat map thus points at the image's first pixel. An empty
//! mask is a miss.
//!
//! Interpolation is a smoothing: on an enlarged map a single high cell can lose to several lower ones side
//! by side.
//!
//! Four things differ from TorchRay. The map is the one on the grid (the size to which all images of the data were
//! brought), so that a map of another size is resampled twice (to the grid as docs/SPEC.md A.3 says, then here). The
//! mask is that of all our metrics, cells of the grid; a pixel is inside if a part of it is in such a cell. TorchRay
//! fills the annotated boxes, and COCO's segmentations. The mean is over pairs (an image and a class on it);
//! TorchRay's is over classes (the classes' means are in the table, too). Pairs all of whose boxes VOC marks as
//! difficult count, too; TorchRay skips them. TorchRay's second score, over its subset of difficult images, is
//! not computed.

use data_prep::geometry::Grid;

use super::input::Pair;
use super::metric::{Mean, Over, PairMetric, Threshold};

/// The metric; [`PairMetric`] says what its fields mean.
pub(super) const METRIC: PairMetric = PairMetric {
    name: "pointing_game",
    title: "Pointing game",
    over: Over::Pairs,
    threshold: Threshold::None,
    value: |pair| Some(f64::from(u8::from(is_hit(pair)))),
    mean: Mean::OverDefined,
    interval: true,
    share: true,
    standard: true,
};

/// The tolerance, in pixels of the image; TorchRay's.
const TOLERANCE: usize = 15;

/// Whether a pixel inside the mask is nearer than the tolerance to the map's maximum.
fn is_hit(pair: &Pair) -> bool {
    if pair.mask_area == 0 {
        return false;
    }
    let grid = pair.mask.grid();
    let (height, width) = (pair.image_size.0 as usize, pair.image_size.1 as usize);
    let (y, x) = peak(pair.map, grid, (height, width));
    // The cells along an axis that have pixels near enough, each with the distance of its nearest one.
    let near = |pixel: usize, pixels: usize, cells: usize| {
        let distances = (0..cells).map(|cell| {
            let first = cell * pixels / cells;
            let last = ((cell + 1) * pixels).div_ceil(cells) - 1;
            (
                cell,
                first.saturating_sub(pixel).max(pixel.saturating_sub(last)),
            )
        });
        let near = distances.filter(|(_, distance)| *distance < TOLERANCE);
        near.collect::<Vec<(usize, usize)>>()
    };
    let columns = near(x, width, grid.width);
    near(y, height, grid.height).into_iter().any(|(row, dy)| {
        columns.iter().any(|&(column, dx)| {
            dy * dy + dx * dx < TOLERANCE * TOLERANCE && pair.mask.get(row, column)
        })
    })
}

/// Returns the (row, column) of the greatest pixel, the first of equals, of a map brought to an image of
/// (height, width) pixels.
fn peak(map: &[f32], grid: Grid, (height, width): (usize, usize)) -> (usize, usize) {
    let map_row = |y: usize| &map[y * grid.width..][..grid.width];
    let rows = positions(height, grid.height);
    let columns = positions(width, grid.width);
    // A bound for each row of pixels: the interpolation of the maxima of its two rows of cells, which none of its
    // pixels exceeds. Rows whose bound is below the greatest pixel so far are skipped. The row with the greatest
    // bound comes first.
    let maxima: Vec<f64> = (0..grid.height)
        .map(|y| f64::from(map_row(y).iter().copied().fold(f32::NEG_INFINITY, f32::max)))
        .collect();
    let bounds: Vec<f64> = rows.iter().map(|row| row.between(&maxima)).collect();
    let promising = (1..height).fold(0, |best, y| if bounds[y] > bounds[best] { y } else { best });
    let mut cells = vec![0.0; grid.width];
    let mut greatest = |y: usize| {
        let row = &rows[y];
        for ((cell, &above), &below) in cells
            .iter_mut()
            .zip(map_row(row.low))
            .zip(map_row(row.high))
        {
            *cell = interpolate(f64::from(above), f64::from(below), row.weight);
        }
        let pixels = columns.iter().map(|column| column.between(&cells));
        let first = (f64::NEG_INFINITY, 0);
        pixels.enumerate().fold(
            first,
            |best, (x, pixel)| {
                if pixel > best.0 { (pixel, x) } else { best }
            },
        )
    };
    let (mut value, mut x) = greatest(promising);
    let mut y = promising;
    for (row, &bound) in bounds.iter().enumerate() {
        if bound < value || (bound <= value && row >= y) {
            continue;
        }
        let (row_value, row_x) = greatest(row);
        if row_value > value || (row_value >= value && row < y) {
            (value, y, x) = (row_value, row, row_x);
        }
    }
    (y, x)
}

/// Where the centre of a pixel lies between the centres of two cells, along one axis.
struct Position {
    low: usize,
    high: usize,
    /// The share of `high`, in 0..1.
    weight: f64,
}

impl Position {
    /// Returns the value at the position.
    fn between(&self, values: &[f64]) -> f64 {
        interpolate(values[self.low], values[self.high], self.weight)
    }
}

/// Returns the positions of `pixels` pixels among `cells` cells; a pixel beyond the outermost centre is at that
/// centre.
fn positions(pixels: usize, cells: usize) -> Vec<Position> {
    let scale = cells as f64 / pixels as f64;
    (0..pixels)
        .map(|pixel| {
            let at = ((pixel as f64 + 0.5) * scale - 0.5).max(0.0);
            let low = (at as usize).min(cells - 1);
            Position {
                low,
                high: (low + 1).min(cells - 1),
                weight: at - low as f64,
            }
        })
        .collect()
}

/// Returns the value between two; between equal ones exactly theirs, so that what is flat stays flat.
fn interpolate(low: f64, high: f64, weight: f64) -> f64 {
    low + (high - low) * weight
}
