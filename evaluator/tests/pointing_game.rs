//! Tests the pointing game by TorchRay's rule: a map scores 1 when its maximum is less than 15 image pixels
//! away from the mask, else 0.
#![allow(clippy::unwrap_used)]

use data_prep::geometry::{Grid, GridBox, Mask};
use evaluator::metrics::pair::{Measured, PAIR_METRICS, Pair, Thresholds};

const GRID: Grid = Grid::square(40);
/// The box of an empty mask.
const EMPTY: [i32; 4] = [0, 0, 0, 0];
/// The box of a mask of one cell, the first of row 10.
const CELL: [i32; 4] = [0, 10, 1, 11];

/// Returns the score of a map with `value` in `cells` (y, x) and −1 elsewhere, for the mask of a box
/// (x1, y1, x2, y2) and an image of `image_size` (width, height) pixels.
fn of(cells: &[(usize, usize)], value: f32, mask: [i32; 4], image_size: (u32, u32)) -> f64 {
    let mut map = vec![-1.0; GRID.cells()];
    for &(y, x) in cells {
        map[y * GRID.width + x] = value;
    }
    let [x1, y1, x2, y2] = mask;
    let mask = Mask::from_boxes(&[GridBox { x1, y1, x2, y2 }], GRID);
    let thresholds = Thresholds {
        fixed: 0.5,
        tuned: None,
    };
    let pair = Pair::new(&map, &mask, None, thresholds, image_size);
    let mut metrics = PAIR_METRICS.iter();
    let metric = metrics
        .find(|metric| metric.name == "pointing_game")
        .unwrap();
    match metric.measure(&pair) {
        Measured::Value(value) => value,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_mask_nearer_than_15_pixels_is_hit() {
    for (point, size, expected) in [
        ((10, 0), (40, 40), 1.0),
        ((10, 14), (40, 40), 1.0),
        ((10, 15), (40, 40), 0.0), // exactly 15
        ((25, 0), (40, 40), 0.0),
        ((24, 0), (40, 40), 1.0),
        ((19, 11), (40, 40), 1.0),
        ((19, 12), (40, 40), 0.0), // 9² + 12² = 15²
        ((0, 11), (40, 40), 1.0),
        ((0, 12), (40, 40), 0.0),
        // Twice as wide as the grid, half as high.
        ((10, 7), (20, 80), 1.0),
        ((10, 8), (20, 80), 0.0),
        ((39, 0), (20, 80), 1.0),
        ((39, 2), (20, 80), 0.0), // 14.5² + 4²
        // A cell is as large as the tolerance, or larger.
        ((10, 0), (600, 6000), 1.0),
        ((11, 0), (600, 6000), 0.0),
    ] {
        assert_eq!(
            of(&[point], 1.0, CELL, size),
            expected,
            "{point:?} {size:?}"
        );
    }
}

/// The map points at its maximum, among equal cells at the first one, row by row.
#[test]
fn which_cell_is_pointed_at() {
    let image = (40, 40);
    // The first of equal cells; the maximum also counts where it is negative.
    assert_eq!(of(&[(10, 3), (10, 39), (39, 39)], 2.0, CELL, image), 1.0);
    assert_eq!(of(&[(9, 39), (10, 3)], 2.0, CELL, image), 0.0);
    assert_eq!(of(&[(10, 3)], -0.5, CELL, image), 1.0);
    // A flat map points at its first cell, here 10 pixels from the mask. An empty mask is never hit.
    assert_eq!(of(&[], 0.0, CELL, image), 1.0);
    assert_eq!(of(&[(10, 0)], 1.0, EMPTY, image), 0.0);
}
