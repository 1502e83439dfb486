//! The metric `pointing_game` (Zhang et al. 2018, docs/SPEC.md B): 1, a hit, where the map's maximum lies
//! within 15 pixels of the class's boxes, else 0.
//!
//! As in TorchRay's `PointingGame`, distances are Euclidean, in pixels of the image, and a distance of
//! exactly 15 is a miss. The maximum is that of the signed map, the first of equals row by row, so a flat
//! map points at its first cell. An empty mask is a miss.
//!
//! Three things differ from TorchRay. Maximum and mask are taken on the grid, with each cell at the
//! position of its centre in the image; TorchRay brings maps to the image's size. Masks of COCO are boxes;
//! TorchRay's are segmentations. The mean is over pairs (an image and a class on it); TorchRay's is over
//! classes (the classes' means are in the table, too). No pair is left out as difficult.

use data_prep::geometry::Grid;

use super::input::Pair;
use super::metric::{Mean, Over, PairMetric, Threshold};
use crate::metrics::pooled::arg_max;

pub(super) const METRIC: PairMetric = PairMetric {
    name: "pointing_game",
    title: "Pointing game",
    over: Over::Pairs,
    threshold: Threshold::None,
    value: |pair| Some(f64::from(u8::from(is_hit(pair)))),
    mean: Mean::OverDefined,
    interval: true,
    share: true,
};

/// The tolerance, in pixels of the image.
const TOLERANCE: f64 = 15.0;

/// Whether a cell of the mask is nearer than the tolerance to the map's maximum.
fn is_hit(pair: &Pair) -> bool {
    let Grid { height, width } = pair.mask.grid();
    let (image_height, image_width) = pair.image_size;
    // Pixels of the image per cell of the grid.
    let down = f64::from(image_height) / height as f64;
    let right = f64::from(image_width) / width as f64;
    let point = arg_max(pair.map);
    let (y, x) = (point / width, point % width);
    // The cells along an axis that may be near enough.
    let near = |at: usize, pixels: f64, n: usize| {
        let reach = (TOLERANCE / pixels).ceil() as usize;
        at.saturating_sub(reach)..n.min(at + reach + 1)
    };
    near(y, down, height).any(|row| {
        near(x, right, width).any(|column| {
            let dy = row.abs_diff(y) as f64 * down;
            let dx = column.abs_diff(x) as f64 * right;
            pair.mask.get(row, column) && dy * dy + dx * dx < TOLERANCE * TOLERANCE
        })
    })
}
