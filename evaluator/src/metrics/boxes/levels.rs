//! A map in whole levels from 0 (its least value) to 255 (its greatest). There are 255 thresholds: at threshold t
//! the cells above level t are cut out.

use data_prep::geometry::Grid;

use crate::metrics::stretched::stretched;

/// The number of thresholds. At each at least one cell of a map that is not flat is above it, and one is not.
pub(crate) const N_THRESHOLDS: usize = 255;

/// A map's levels, with a margin of one cell on each side. A cell's place is its index with the margin.
pub(super) struct Levels {
    /// The levels, row by row; 0 in the margin.
    cells: Vec<u8>,
    grid: Grid,
}

impl Levels {
    /// Returns the levels of `map`: its values, brought to 0..=1, times 255 and rounded down. `None` where all
    /// values are equal.
    ///
    /// # Panics
    /// When `map` has another number of cells than `grid`.
    pub(super) fn of(map: &[f32], grid: Grid) -> Option<Self> {
        assert_eq!(map.len(), grid.cells(), "a value for each cell of the grid");
        if map.iter().all(|&value| value == map[0]) {
            return None;
        }
        let row = grid.width + 2;
        let mut cells = vec![0; row * (grid.height + 2)];
        let mut values = stretched(map);
        for row in cells.chunks_exact_mut(row).skip(1) {
            for (cell, value) in row[1..=grid.width].iter_mut().zip(&mut values) {
                *cell = (value * N_THRESHOLDS as f64) as u8;
            }
        }
        Some(Self { cells, grid })
    }

    /// The grid without the margin.
    pub(super) fn grid(&self) -> Grid {
        self.grid
    }

    /// The number of places in a row.
    pub(super) fn stride(&self) -> usize {
        self.grid.width + 2
    }

    /// The number of places.
    pub(super) fn places(&self) -> usize {
        self.cells.len()
    }

    /// The level at a place.
    pub(super) fn at(&self, place: usize) -> u8 {
        self.cells[place]
    }
}
