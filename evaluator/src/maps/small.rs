//! Makes small copies of maps, a byte a cell, for the report's gallery (docs/SPEC.md F, `gallery`).

use std::cmp::Ordering;

use data_prep::geometry::Grid;

use super::regrid::to_grid;

/// The most cells that a small map has along a side. Chosen: a map then takes at most 1 kB.
const MOST: usize = 32;
/// The byte of the strongest positive cell: the greatest of a signed byte.
const FULL: f64 = 127.0;

/// A map with at most 32 × 32 cells. A cell's value is `scale` times its byte.
#[derive(Debug, Clone, PartialEq)]
pub struct SmallMap {
    /// Cells down.
    pub height: usize,
    /// Cells across.
    pub width: usize,
    /// The value of a byte of 1; 0 for a map that is 0 everywhere.
    pub scale: f32,
    /// Row-major, signed. Of negative values those below -127 · `scale` are cut off.
    pub cells: Vec<i8>,
}

impl SmallMap {
    /// Makes the small copy of `map` (row-major, `shape` = (height, width)). A side of more than 32 cells gets
    /// 32, each the mean over the area it covers. The strongest positive cell becomes 127; where no cell is
    /// positive, the strongest negative one -127.
    ///
    /// # Panics
    /// When `map` does not have height × width values, or a side is 0.
    pub fn of(map: &[f32], shape: (usize, usize)) -> Self {
        let (height, width) = (shape.0.min(MOST), shape.1.min(MOST));
        let means = to_grid(map, shape, Grid { height, width });
        let greatest = means.iter().copied().fold(f32::MIN, f32::max);
        let full = match greatest.partial_cmp(&0.0) {
            Some(Ordering::Greater) => greatest,
            _ => means.iter().fold(0.0, |most, cell| cell.abs().max(most)),
        };
        let scale = (f64::from(full) / FULL) as f32;
        let byte = |&cell: &f32| match scale > 0.0 {
            true => (f64::from(cell) / f64::from(scale))
                .round()
                .clamp(-FULL, FULL) as i8,
            false => 0,
        };
        Self {
            height,
            width,
            scale,
            cells: means.iter().map(byte).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_scale_times_byte() {
        let small = SmallMap::of(&[2.54, -0.3, 0.009, 0.0, -9.0, 1.0], (2, 3));
        assert_eq!((small.height, small.width), (2, 3));
        // 0.02 a byte. -9 is below -127 · 0.02.
        assert_eq!(small.cells, [127, -15, 0, 0, -127, 50]);
        assert!((small.scale - 0.02).abs() < 1e-7);
    }

    #[test]
    fn larger_maps_are_averaged() {
        // 64 × 64 cells; in one block of 2 × 2 are 3, 0, 0, 0, in another 2, 2, 2, 2.
        let mut map = vec![0.0; 64 * 64];
        map[0] = 3.0;
        for at in [62 * 64 + 62, 62 * 64 + 63, 63 * 64 + 62, 63 * 64 + 63] {
            map[at] = 2.0;
        }
        let small = SmallMap::of(&map, (64, 64));
        assert_eq!((small.height, small.width), (32, 32));
        let strong: Vec<(usize, i8)> = (small.cells.iter().copied().enumerate())
            .filter(|(_, cell)| *cell != 0)
            .collect();
        assert_eq!(strong, [(0, 48), (32 * 32 - 1, 127)]);
        // A side of 32 cells or fewer is left as it is.
        let small = SmallMap::of(&[1.0; 40 * 3], (40, 3));
        assert_eq!((small.height, small.width), (32, 3));
    }

    #[test]
    fn every_map_has_a_small_one() {
        let negative = SmallMap::of(&[-1.0, 0.0, -0.25], (1, 3));
        assert_eq!(negative.cells, [-127, 0, -32]);
        for (value, byte) in [(0.0, 0), (f32::MAX, 127), (f32::MIN, -127), (1e-45, 0)] {
            let small = SmallMap::of(&[value; 4], (2, 2));
            assert_eq!(small.cells, [byte; 4], "{value}");
            assert!(small.scale.is_finite(), "{value}");
        }
    }
}
