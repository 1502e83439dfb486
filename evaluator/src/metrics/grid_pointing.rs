//! The grid pointing game (docs/SPEC.md K): images of different classes are put together in n × n tiles,
//! the network is asked for each class, and the score is the share of positive attribution on the tile of
//! that class. The caller (`trainer grid-pointing-game`) chooses the images and makes the maps.
//! [`percentile`] is used elsewhere too.

use data_prep::geometry::Grid;

/// Returns the share of positive attribution in each of `n` × `n` equal tiles of `map` on `grid`, row by
/// row; all 0 where nothing is positive.
///
/// # Panics
/// When the map is not on the grid, or the grid is not divisible by `n`.
pub fn cell_shares(map: &[f32], grid: Grid, n: usize) -> Vec<f64> {
    assert_eq!(map.len(), grid.cells(), "one value per cell");
    assert!(grid.height.is_multiple_of(n) && grid.width.is_multiple_of(n));
    let mut sums = vec![0.0; n * n];
    for (y, row) in map.chunks_exact(grid.width).enumerate() {
        for (x, &value) in row.iter().enumerate() {
            sums[y * n / grid.height * n + x * n / grid.width] += f64::from(value.max(0.0));
        }
    }
    let total: f64 = sums.iter().sum();
    let share = |sum| if total > 0.0 { sum / total } else { 0.0 };
    sums.into_iter().map(share).collect()
}

/// Returns the mean of the signed map over `kernel` × `kernel` cells around each cell (`kernel` is odd),
/// with zeros beyond the edge. Row-major, as `map`.
///
/// # Panics
/// When the map is not on the grid.
pub fn smoothed(map: &[f32], grid: Grid, kernel: usize) -> Vec<f32> {
    assert_eq!(map.len(), grid.cells(), "one value per cell");
    let reach = kernel / 2;
    // Means along one axis, by differences of running sums.
    let along = |values: &[f64]| -> Vec<f64> {
        let mut before = vec![0.0];
        for value in values {
            before.push(before[before.len() - 1] + value);
        }
        let window = |i: usize| (i.saturating_sub(reach), (i + reach + 1).min(values.len()));
        (0..values.len())
            .map(|i| (before[window(i).1] - before[window(i).0]) / kernel as f64)
            .collect()
    };
    let mut means: Vec<Vec<f64>> = map
        .chunks_exact(grid.width)
        .map(|row| {
            along(
                &row.iter()
                    .map(|&value| f64::from(value))
                    .collect::<Vec<_>>(),
            )
        })
        .collect();
    for x in 0..grid.width {
        let column: Vec<f64> = means.iter().map(|row| row[x]).collect();
        for (row, value) in means.iter_mut().zip(along(&column)) {
            row[x] = value;
        }
    }
    means
        .concat()
        .into_iter()
        .map(|value| value as f32)
        .collect()
}

/// Returns the value that `percent` of the sorted `scores` do not exceed, interpolated linearly between
/// neighbours as numpy does; `None` without scores.
pub fn percentile(scores: &[f64], percent: f64) -> Option<f64> {
    let last = scores.len().checked_sub(1)?;
    let mut sorted = scores.to_vec();
    sorted.sort_by(f64::total_cmp);
    let position = percent / 100.0 * last as f64;
    let low = position.floor() as usize;
    let high = (low + 1).min(last);
    Some(sorted[low] + (position - low as f64) * (sorted[high] - sorted[low]))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn shares_of_four_cells() {
        let grid = Grid {
            height: 2,
            width: 4,
        };
        let map = [1.0, 2.0, -9.0, 0.0, 0.0, 0.0, 4.0, 1.0];
        assert_eq!(cell_shares(&map, grid, 2), [0.375, 0.0, 0.0, 0.625]);
        assert_eq!(cell_shares(&[-1.0; 8], grid, 2), [0.0; 4]);
    }

    #[test]
    fn a_point_is_spread_and_the_edge_loses() {
        let grid = Grid::square(4);
        let mut map = [0.0; 16];
        map[5] = 9.0; // row 1, column 1
        let inside = |i: usize| f32::from(u8::from(i / 4 < 3 && i % 4 < 3));
        let expected: Vec<f32> = (0..16).map(inside).collect();
        assert_eq!(smoothed(&map, grid, 3), expected);
        assert_eq!(smoothed(&map, grid, 1), map);
        assert_eq!(smoothed(&[9.0; 16], grid, 3)[0], 4.0);
    }

    #[test]
    fn percentiles_are_numpys() {
        let scores = [0.4, 0.1, 0.2, 0.8];
        let found = [0.0, 25.0, 50.0, 100.0].map(|p| percentile(&scores, p).unwrap());
        for (found, expected) in found.iter().zip([0.1, 0.175, 0.3, 0.8]) {
            assert!((found - expected).abs() < 1e-12, "{found} {expected}");
        }
        assert_eq!(percentile(&[], 50.0), None);
    }
}
