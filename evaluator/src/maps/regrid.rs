//! Brings maps of any resolution to the grid (the data folder's raster of masks), each axis separately
//! (docs/SPEC.md A.3).
//!
//! Along an axis on which a map has at most as many cells as the grid, it is interpolated bilinearly
//! (`align_corners=False`), at the f32 positions of `torch.nn.functional.interpolate`. Along an axis on
//! which it has more, a grid cell is the mean over the area it covers: interpolation would read only two of
//! the map's cells and ignore the others. Values are combined in f64 and rounded once, so that a map of one
//! value keeps one value. With torch's f32 sums such a map would get rounding noise, which IoU would then
//! scale to 0..=1.
//!
//! In evaluation the *signed* map is brought to the grid, and its negative values are set to 0 afterwards,
//! whatever the run's loss did in training, so that all maps are measured alike.

use std::borrow::Cow;

use data_prep::geometry::Grid;

/// Returns `map` (row-major, `shape` = (height, width)) on `grid`; borrowed where it has the grid's size
/// already.
///
/// # Panics
/// When `map` does not have height × width values, or a side is 0.
pub fn to_grid(map: &[f32], shape: (usize, usize), grid: Grid) -> Cow<'_, [f32]> {
    let (height, width) = shape;
    assert!(height > 0 && width > 0, "a map has at least one cell");
    assert_eq!(map.len(), height * width, "one value per cell");
    if shape == (grid.height, grid.width) {
        return Cow::Borrowed(map);
    }
    let rows = Axis::new(height, grid.height);
    let columns = Axis::new(width, grid.width);
    // Where rows are averaged, they go first: that reads memory in order and leaves less work for the
    // columns.
    Cow::Owned(match rows {
        Axis::Mean(_) => columns.of_columns(&rows.of_rows(map, width, exact), width, rounded),
        Axis::Between(_) => {
            let wide = columns.of_columns(map, width, exact);
            rows.of_rows(&wide, grid.width, rounded)
        }
    })
}

/// Keeps a value of the first of the two axes in f64.
fn exact(value: f64) -> f64 {
    value
}

/// Rounds a value of the second axis.
fn rounded(value: f64) -> f32 {
    value as f32
}

/// How the grid's cells along one axis are computed from the map's.
enum Axis {
    /// By interpolation between two cells, where the map has no more cells than the grid.
    Between(Vec<Tap>),
    /// As means over the covered cells, where the map has more.
    Mean(Vec<Cover>),
}

/// The two cells of the map that one grid cell is interpolated between, and their weights.
struct Tap {
    low: usize,
    high: usize,
    weight_low: f64,
    weight_high: f64,
}

/// The cells of the map that one grid cell covers.
struct Cover {
    /// The first of them.
    first: usize,
    /// Each one's share of the grid cell's length; the shares add up to 1.
    weights: Vec<f64>,
}

impl Axis {
    /// Plans an axis from `source` cells of the map to `target` cells of the grid.
    fn new(source: usize, target: usize) -> Self {
        match source > target {
            true => Self::Mean((0..target).map(|i| Cover::new(i, source, target)).collect()),
            false => Self::Between((0..target).map(|i| Tap::new(i, source, target)).collect()),
        }
    }

    /// The number of grid cells along the axis.
    fn len(&self) -> usize {
        match self {
            Self::Between(taps) => taps.len(),
            Self::Mean(covers) => covers.len(),
        }
    }

    /// Applies this to each row of a map of `width` columns, so that it has the grid's columns.
    fn of_columns<T: Copy + Into<f64>, O>(
        &self,
        map: &[T],
        width: usize,
        round: impl Fn(f64) -> O,
    ) -> Vec<O> {
        let mut mixed = Vec::with_capacity(map.len() / width * self.len());
        for row in map.chunks_exact(width) {
            match self {
                Self::Between(taps) => {
                    let mix = |tap: &Tap| tap.mix(row[tap.low].into(), row[tap.high].into());
                    mixed.extend(taps.iter().map(mix).map(&round));
                }
                Self::Mean(covers) => {
                    let mean = |cover: &Cover| -> f64 {
                        let cells = row[cover.first..].iter().zip(&cover.weights);
                        cells.map(|(&value, weight)| value.into() * weight).sum()
                    };
                    mixed.extend(covers.iter().map(mean).map(&round));
                }
            }
        }
        mixed
    }

    /// Applies this to the columns of a map of `width` columns, so that it has the grid's rows.
    fn of_rows<T: Copy + Into<f64>, O>(
        &self,
        map: &[T],
        width: usize,
        round: impl Fn(f64) -> O,
    ) -> Vec<O> {
        let mut mixed = Vec::with_capacity(self.len() * width);
        match self {
            Self::Between(taps) => {
                for tap in taps {
                    let [low, high] = [tap.low, tap.high].map(|i| &map[i * width..][..width]);
                    let cells = low.iter().zip(high);
                    let cells = cells.map(|(&low, &high)| tap.mix(low.into(), high.into()));
                    mixed.extend(cells.map(&round));
                }
            }
            Self::Mean(covers) => {
                let mut sums = vec![0.0; width];
                for cover in covers {
                    sums.fill(0.0);
                    let rows = map[cover.first * width..].chunks_exact(width);
                    for (row, weight) in rows.zip(&cover.weights) {
                        for (sum, &value) in sums.iter_mut().zip(row) {
                            *sum += value.into() * weight;
                        }
                    }
                    mixed.extend(sums.iter().copied().map(&round));
                }
            }
        }
        mixed
    }
}

impl Tap {
    fn new(i: usize, source: usize, target: usize) -> Self {
        let scale = source as f32 / target as f32;
        let position = (scale * (i as f32 + 0.5) - 0.5).max(0.0);
        let low = (position as usize).min(source - 1);
        let high = (low + 1).min(source - 1);
        let weight_high = f64::from((position - low as f32).clamp(0.0, 1.0));
        Self {
            low,
            high,
            weight_low: 1.0 - weight_high,
            weight_high,
        }
    }

    /// Interpolates between the values of the two cells.
    fn mix(&self, low: f64, high: f64) -> f64 {
        low * self.weight_low + high * self.weight_high
    }
}

impl Cover {
    /// Computes the shares in whole numbers: the axis is divided into source × target parts. A cell of the
    /// map is `target` parts long and a cell of the grid `source` parts, so every overlap is a whole number
    /// of parts.
    fn new(i: usize, source: usize, target: usize) -> Self {
        let (start, end) = (i * source, (i + 1) * source);
        let first = start / target;
        let overlap = |j: usize| end.min((j + 1) * target) - start.max(j * target);
        let share = |j: usize| overlap(j) as f64 / source as f64;
        Self {
            first,
            weights: (first..end.div_ceil(target)).map(share).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn by_hand() {
        // Target centres at source positions 0 (clamped), 0.25, 0.75, 1 (clamped).
        let grid = Grid {
            height: 1,
            width: 4,
        };
        assert_eq!(*to_grid(&[0.0, 8.0], (1, 2), grid), [0.0, 2.0, 6.0, 8.0]);
        let grid = Grid::square(4);
        #[rustfmt::skip]
        assert_eq!(
            *to_grid(&[0.0, 4.0, 8.0, 12.0], (2, 2), grid),
            [
                0.0, 1.0, 3.0, 4.0,
                2.0, 3.0, 5.0, 6.0,
                6.0, 7.0, 9.0, 10.0,
                8.0, 9.0, 11.0, 12.0,
            ]
        );
        assert_eq!(*to_grid(&[-2.5], (1, 1), Grid::square(2)), [-2.5; 4]);
    }

    #[test]
    fn what_is_finer_than_the_grid_is_averaged() {
        let grid = |height, width| Grid { height, width };
        // Whole blocks: every cell counts.
        #[rustfmt::skip]
        let map = [
            8.0, 0.0, 0.0, 0.0, 0.0, 0.0,
            0.0, 0.0, 0.0, 0.0, 0.0, 16.0,
            0.0, 0.0, 0.0, -4.0, 0.0, 0.0,
            0.0, 0.0, 0.0, -8.0, -4.0, -16.0,
        ];
        assert_eq!(*to_grid(&map, (4, 6), grid(1, 3)), [1.0, -1.5, -0.5]);
        // Three cells on two: half of the one in the middle each.
        assert_eq!(*to_grid(&[3.0, 6.0, 0.0], (1, 3), grid(1, 2)), [4.0, 2.0]);
        // Each axis for itself: the mean of two rows, between the two columns, and the other way round.
        let expected = [2.0, 5.0, 11.0, 14.0];
        assert_eq!(
            *to_grid(&[0.0, 8.0, 4.0, 20.0], (2, 2), grid(1, 4)),
            expected
        );
        assert_eq!(
            *to_grid(&[0.0, 4.0, 8.0, 20.0], (2, 2), grid(4, 1)),
            expected
        );
    }

    /// Computes the means from the overlaps of cells as rectangles, without separating the axes.
    fn by_area(map: &[f32], (height, width): (usize, usize), grid: Grid) -> Vec<f64> {
        let overlap = |i: usize, j: usize, source: usize, target: usize| {
            let start = (i as f64 / target as f64).max(j as f64 / source as f64);
            let end = ((i + 1) as f64 / target as f64).min((j + 1) as f64 / source as f64);
            (end - start).max(0.0) * target as f64
        };
        let cell = |y: usize, x: usize| {
            let value = |k: usize| {
                let in_rows = overlap(y, k / width, height, grid.height);
                let in_columns = overlap(x, k % width, width, grid.width);
                f64::from(map[k]) * in_rows * in_columns
            };
            (0..map.len()).map(value).sum()
        };
        (0..grid.cells())
            .map(|i| cell(i / grid.width, i % grid.width))
            .collect()
    }

    fn sum(map: &[f32]) -> f64 {
        map.iter().copied().map(f64::from).sum()
    }

    #[test]
    fn a_mean_is_over_the_area_of_each_cell() {
        for (shape, height, width) in [
            ((7, 9), 5, 4),
            ((31, 17), 7, 16),
            ((12, 12), 4, 3),
            ((64, 50), 1, 49),
            ((23, 23), 22, 11),
        ] {
            let grid = Grid { height, width };
            let map = noise(shape.0 * shape.1);
            let found = to_grid(&map, shape, grid);
            let expected = by_area(&map, shape, grid);
            assert_eq!(found.len(), expected.len());
            for (&found, expected) in found.iter().zip(expected) {
                assert!((f64::from(found) - expected).abs() < 1e-6, "{shape:?}");
            }
            // Attribution times area is kept.
            let area = map.len() as f64 / grid.cells() as f64;
            assert!((sum(&found) * area - sum(&map)).abs() < 1e-4, "{shape:?}");
        }
    }

    #[test]
    fn every_cell_of_a_large_map_counts() {
        let (side, grid) = (1024, Grid::square(224));
        let expected = grid.cells() as f64 / (side * side) as f64;
        for at in [0, 1, 2, 3, 4, 511 * side + 511, side * side - 1] {
            let mut map = vec![0.0; side * side];
            map[at] = 1.0;
            let found = sum(&to_grid(&map, (side, side), grid));
            assert!((found - expected).abs() < 1e-8, "{at}: {found} {expected}");
        }
    }

    #[test]
    fn flat_maps_stay_flat() {
        for value in [0.1_f32, 5.7, 1e-9, 1e-40, -3e30, f32::MAX] {
            for (shape, side) in [
                ((1, 1), 224),
                ((7, 7), 224),
                ((17, 33), 96),
                ((300, 200), 224),
                ((1024, 1000), 224),
            ] {
                let flat = vec![value; shape.0 * shape.1];
                let map = to_grid(&flat, shape, Grid::square(side));
                assert!(map.iter().all(|&cell| cell == value), "{value} {shape:?}");
            }
        }
    }

    /// Returns `n` values from -1 to 1, the same that evaluator/tests/fixtures/regrid/make.cpp draws.
    fn noise(n: usize) -> Vec<f32> {
        let value = |i: usize| {
            let state = (i as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15);
            let u = (crate::random::splitmix64(state) >> 11) as f64 / (1_u64 << 53) as f64;
            (u * 2.0 - 1.0) as f32
        };
        (0..n).map(value).collect()
    }

    #[test]
    fn as_libtorch() {
        // The files have libtorch's results, written by evaluator/tests/fixtures/regrid/make.cpp and named by the
        // heights and widths of map and grid. libtorch rounds after every operation, so the last two bits (2.4e-7
        // at 1) are free.
        let cases: [([usize; 4], &[u8]); 2] = [
            (
                [3, 5, 20, 13],
                include_bytes!("../../tests/fixtures/regrid/3_5_20_13.f32"),
            ),
            (
                [2, 3, 7, 7],
                include_bytes!("../../tests/fixtures/regrid/2_3_7_7.f32"),
            ),
        ];
        for ([map_height, map_width, height, width], expected) in cases {
            let shape = (map_height, map_width);
            let map = noise(shape.0 * shape.1);
            let found = to_grid(&map, shape, Grid { height, width });
            let expected = expected
                .as_chunks::<4>()
                .0
                .iter()
                .map(|&bytes| f32::from_le_bytes(bytes));
            assert_eq!(found.len(), expected.len());
            for (&found, expected) in found.iter().zip(expected) {
                assert!(
                    (found - expected).abs() <= 2.4e-7,
                    "{shape:?}: {found} {expected}"
                );
            }
        }
    }
}
