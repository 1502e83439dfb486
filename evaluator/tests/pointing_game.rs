//! Tests the pointing game by TorchRay's rule: brought to the image's size, a map scores 1 when its maximum
//! is less than 15 pixels away from the mask, else 0.
#![allow(clippy::unwrap_used)]

use data_prep::geometry::{Grid, GridBox, Mask};
use evaluator::metrics::pair::{Measured, PAIR_METRICS, Pair, Thresholds};

const GRID: Grid = Grid::square(40);
/// The box of an empty mask.
const EMPTY: [i32; 4] = [0, 0, 0, 0];
/// The box of a mask of one cell, the first of row 10.
const CELL: [i32; 4] = [0, 10, 1, 11];

/// Returns the score of a map on [`GRID`] with `value` in `cells` (y, x) and −1 elsewhere, for the mask of a box
/// (x1, y1, x2, y2) and an image of `image_size` (height, width) pixels.
fn of(cells: &[(usize, usize)], value: f32, mask: [i32; 4], image_size: (u32, u32)) -> f64 {
    let mut map = vec![-1.0; GRID.cells()];
    for &(y, x) in cells {
        map[y * GRID.width + x] = value;
    }
    score(&map, mask, image_size)
}

/// Returns a map's score.
fn score(map: &[f32], [x1, y1, x2, y2]: [i32; 4], image_size: (u32, u32)) -> f64 {
    let mask = Mask::from_boxes(&[GridBox { x1, y1, x2, y2 }], GRID);
    let thresholds = Thresholds {
        fixed: 0.5,
        tuned: None,
    };
    let pair = Pair::new(map, &mask, None, thresholds, image_size);
    let mut metrics = PAIR_METRICS.iter();
    let metric = metrics
        .find(|metric| metric.name == "pointing_game")
        .unwrap();
    match metric.measure(&pair) {
        Measured::Value(value) => value,
        other => panic!("{other:?}"),
    }
}

/// Each row: the cell of the map's maximum, the image's size (height, width), and the score for the mask [`CELL`].
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
        ((10, 8), (20, 80), 0.0), // pixel 16; the mask ends at pixel 1
        ((39, 2), (20, 80), 1.0), // 14² + 3² is below 15²
        ((39, 4), (20, 80), 0.0), // 14² + 7² is above it
        // A cell is 15 pixels high, as much as the tolerance. Its whole area in the image is the mask.
        ((10, 0), (600, 6000), 1.0),
        ((11, 0), (600, 6000), 1.0), // row 172; the mask ends at row 164
        ((12, 0), (600, 6000), 0.0),
    ] {
        assert_eq!(
            of(&[point], 1.0, CELL, size),
            expected,
            "{point:?} {size:?}"
        );
    }
}

/// For random maps, masks and sizes of images, the score must be that of [`brute_force`], which looks at every pixel
/// of the enlarged map and of the mask.
#[test]
fn as_at_the_image_s_size() {
    // Knuth's linear congruential generator.
    let mut state = 7_u64;
    let mut draw = |n: usize| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (state >> 33) as usize % n
    };
    let mut hits = 0;
    for round in 0..60 {
        let size = (20 + draw(120), 20 + draw(120));
        // Maps of 2, a million or 1000 different values; with 2, many cells are equal. Every other map is smoothed.
        let values = [2, 1 << 20, 1000][round % 3];
        let mut map: Vec<f32> = (0..GRID.cells()).map(|_| draw(values) as f32).collect();
        if round % 2 == 0 {
            for y in 0..GRID.height {
                for x in 1..GRID.width {
                    map[y * GRID.width + x] += map[y * GRID.width + x - 1] / 2.0;
                }
            }
        }
        let (x, y) = (draw(28) as i32, draw(28) as i32);
        let mask = [x, y, x + 1 + draw(12) as i32, y + 1 + draw(12) as i32];
        let expected = f64::from(u8::from(brute_force(&map, mask, size)));
        let found = score(&map, mask, (size.0 as u32, size.1 as u32));
        assert_eq!(found, expected, "round {round}, {size:?}, {mask:?}");
        hits += found as usize;
    }
    // Of 60 rounds neither almost none nor almost all are hits.
    assert!((8..50).contains(&hits), "{hits}");
}

/// Returns whether the maximum of the map, enlarged to (height, width) pixels, is less than 15 pixels (15² = 225) from
/// the box (x1, y1, x2, y2), looking at each pixel. The grid has 40 × 40 cells.
fn brute_force(map: &[f32], [x1, y1, x2, y2]: [i32; 4], (height, width): (usize, usize)) -> bool {
    let at = |pixel: usize, pixels: usize, cells: usize| {
        (((pixel as f64 + 0.5) * cells as f64 / pixels as f64) - 0.5).clamp(0.0, cells as f64 - 1.0)
    };
    let cell = |y: usize, x: usize| f64::from(map[y.min(39) * GRID.width + x.min(39)]);
    let mut peak = (f64::NEG_INFINITY, 0, 0);
    for row in 0..height {
        for column in 0..width {
            let (y, x) = (at(row, height, 40), at(column, width, 40));
            let (top, left) = (y as usize, x as usize);
            let (dy, dx) = (y - top as f64, x - left as f64);
            let down = |x: usize| cell(top, x) + (cell(top + 1, x) - cell(top, x)) * dy;
            let value = down(left) + (down(left + 1) - down(left)) * dx;
            if value > peak.0 {
                peak = (value, row, column);
            }
        }
    }
    let inside = |row: usize, column: usize| {
        let overlaps = |pixel: usize, pixels: usize, first: i32, end: i32| {
            // In fortieths of a pixel, which are whole numbers.
            let (from, to) = (40 * pixel as i32, 40 * (pixel as i32 + 1));
            from < end * pixels as i32 && to > first * pixels as i32
        };
        overlaps(row, height, y1, y2) && overlaps(column, width, x1, x2)
    };
    (0..height).any(|row| {
        (0..width).any(|column| {
            let (dy, dx) = (row.abs_diff(peak.1), column.abs_diff(peak.2));
            inside(row, column) && dy * dy + dx * dx < 225
        })
    })
}

/// Where pixels lie between cells, neighbours count: one high cell loses to several lower ones side by side.
#[test]
fn a_lone_high_cell_loses_to_a_lower_area() {
    let mut map = vec![0.0; GRID.cells()];
    // In an image of twice as many pixels a side, at most 0.75² = 0.5625 is left of it.
    map[5 * GRID.width + 5] = 1.0;
    for y in 30..33 {
        map[y * GRID.width + 30..][..3].fill(0.9);
    }
    assert_eq!(score(&map, [5, 5, 6, 6], (80, 80)), 0.0);
    assert_eq!(score(&map, [30, 30, 33, 33], (80, 80)), 1.0);
    assert_eq!(score(&map, [5, 5, 6, 6], (40, 40)), 1.0);
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
