//! Measures a region by its outline, as OpenCV's `contourArea` does: the area of the polygon through the centres of
//! the cells on it. Holes count, and a region of one cell or in one line has 0.

use super::levels::Levels;

/// Returns twice the area of the polygon around the cells above `threshold` that are connected, at a side or a corner,
/// with the one at the place `first`, the first of them row by row.
pub(super) fn twice_area(levels: &Levels, first: u32, threshold: usize) -> u64 {
    let stride = levels.stride() as isize;
    // Right, and on clockwise: (distance of the place, columns, rows).
    let ways: [(isize, i64, i64); 8] = [
        (1, 1, 0),
        (stride + 1, 1, 1),
        (stride, 0, 1),
        (stride - 1, -1, 1),
        (-1, -1, 0),
        (-stride - 1, -1, -1),
        (-stride, 0, -1),
        (1 - stride, 1, -1),
    ];
    let is_above = |place: isize| usize::from(levels.at(place as usize)) > threshold;
    // The next way along the outline: the first clockwise from the one back that leads to a cell.
    let next = |place: isize, back: usize| {
        let mut turns = (1..=8).map(|turn| (back + turn) % 8);
        turns.find(|&way| is_above(place + ways[way].0))
    };
    let first = first as isize;
    // Nothing is above the first cell or to the left of it.
    let Some(first_way) = next(first, 4) else {
        return 0;
    };
    let (mut place, mut way) = (first, first_way);
    let (mut x, mut y, mut twice) = (0, 0, 0);
    loop {
        let (distance, columns, rows) = ways[way];
        twice += x * rows - y * columns;
        (place, x, y) = (place + distance, x + columns, y + rows);
        // There is a way, that back.
        way = next(place, (way + 4) % 8).unwrap_or(way);
        if (place, way) == (first, first_way) {
            return twice.unsigned_abs();
        }
    }
}
