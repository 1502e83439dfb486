//! Turns bounding boxes into masks on the grid (the network's input, in pixels), by the paper's geometry
//! (docs/SPEC.md A.5).
//!
//! It follows the paper's official code, quirks included, because every published number depends on them:
//! coordinates are truncated toward zero, clamped to the last cell, and a box's right and bottom edges
//! are *excluded*. So the last row and column are never inside a mask of boxes (before it is inverted or
//! augmented: a flip moves the empty column to the left), and a box whose edges fall into one cell gives an
//! empty mask. `rle` makes masks of segmentations. Augmentation crops and flips a mask of
//! either kind as it does the pixels ([`View`]).

/// The size of the network's input; a cell is a pixel of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Grid {
    /// Rows.
    pub height: usize,
    /// Columns.
    pub width: usize,
}

impl Grid {
    /// A grid of `size` × `size` cells.
    pub const fn square(size: usize) -> Self {
        Self {
            height: size,
            width: size,
        }
    }

    /// Number of cells.
    pub const fn cells(self) -> usize {
        self.height * self.width
    }
}

/// A box in grid cells: columns `x1..x2`, rows `y1..y2`, right and bottom excluded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct GridBox {
    /// First column.
    pub x1: i32,
    /// First row.
    pub y1: i32,
    /// Column after the last.
    pub x2: i32,
    /// Row after the last.
    pub y2: i32,
}

impl GridBox {
    /// Returns the box with each side moved outwards by `int(fraction · size)` cells, clamped to the cells
    /// 0 to W − 1 (H − 1) of the grid, as `enlarge_mask` of the official code does (docs/SPEC.md A.5).
    /// Fraction 0.5 doubles width and height. Only training dilates; evaluation uses the true boxes.
    pub fn dilated(self, fraction: f64, grid: Grid) -> Self {
        if fraction == 0.0 {
            return self;
        }
        let dx = (fraction * f64::from(self.x2 - self.x1)) as i32;
        let dy = (fraction * f64::from(self.y2 - self.y1)) as i32;
        Self {
            x1: (self.x1 - dx).max(0),
            y1: (self.y1 - dy).max(0),
            x2: (self.x2 + dx).min(grid.width as i32 - 1),
            y2: (self.y2 + dy).min(grid.height as i32 - 1),
        }
    }
}

/// Puts an annotated box (xmin, ymin, xmax, ymax in source pixels) of an image of `width` × `height` pixels
/// on the grid: `int(min(max(x · W / width, 0), W − 1))`, likewise y with the height (docs/SPEC.md A.5).
pub fn box_to_grid(bbox: [f64; 4], width: u32, height: u32, grid: Grid) -> GridBox {
    let cell = |value: f64, source: u32, cells: usize| {
        let scaled = value * cells as f64 / f64::from(source);
        scaled.max(0.0).min(cells as f64 - 1.0) as i32
    };
    let [xmin, ymin, xmax, ymax] = bbox;
    GridBox {
        x1: cell(xmin, width, grid.width),
        y1: cell(ymin, height, grid.height),
        x2: cell(xmax, width, grid.width),
        y2: cell(ymax, height, grid.height),
    }
}

/// An augmentation's view of an image: a part of the grid, resized to the grid's size and perhaps
/// flipped from left to right.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct View {
    /// First column of the part.
    pub x: usize,
    /// First row of the part.
    pub y: usize,
    /// Columns of the part, at least 1.
    pub width: usize,
    /// Rows of the part, at least 1.
    pub height: usize,
    /// Whether left and right are exchanged.
    pub is_flipped: bool,
}

/// A binary mask on a grid, row-major.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mask {
    grid: Grid,
    cells: Vec<bool>,
}

impl Mask {
    /// The empty mask.
    pub fn empty(grid: Grid) -> Self {
        Self {
            grid,
            cells: vec![false; grid.cells()],
        }
    }

    /// A mask from row-major cells.
    ///
    /// # Panics
    /// When there are not `grid.cells()` of them.
    pub fn from_cells(cells: Vec<bool>, grid: Grid) -> Self {
        assert_eq!(cells.len(), grid.cells(), "one value per cell");
        Self { grid, cells }
    }

    /// The union of boxes. Parts outside the grid are cut off.
    pub fn from_boxes(boxes: &[GridBox], grid: Grid) -> Self {
        let mut mask = Self::empty(grid);
        let clamp = |value: i32, cells: usize| (value.max(0) as usize).min(cells);
        for b in boxes {
            let columns = clamp(b.x1, grid.width)..clamp(b.x2, grid.width);
            if columns.is_empty() {
                continue;
            }
            for y in clamp(b.y1, grid.height)..clamp(b.y2, grid.height) {
                mask.cells[y * grid.width..][columns.clone()].fill(true);
            }
        }
        mask
    }

    /// Adds the cells of `other`.
    ///
    /// # Panics
    /// When `other` is on another grid.
    pub fn union_with(&mut self, other: &Mask) {
        assert_eq!(self.grid, other.grid, "masks on one grid");
        for (cell, other) in self.cells.iter_mut().zip(&other.cells) {
            *cell |= other;
        }
    }

    /// The grid it is on.
    pub fn grid(&self) -> Grid {
        self.grid
    }

    /// Whether the cell in row `y`, column `x` is inside.
    pub fn get(&self, y: usize, x: usize) -> bool {
        self.cells[y * self.grid.width + x]
    }

    /// All cells, row-major.
    pub fn cells(&self) -> &[bool] {
        &self.cells
    }

    /// Number of cells inside.
    pub fn area(&self) -> usize {
        self.cells.iter().filter(|&&inside| inside).count()
    }

    /// Returns the complement. Waterbirds' reversed task guides to everything but the bird.
    pub fn inverted(&self) -> Self {
        Self {
            grid: self.grid,
            cells: self.cells.iter().map(|inside| !inside).collect(),
        }
    }

    /// Returns the mask of the augmented image, on the same grid. Each of its cells takes the value of this
    /// mask's cell under its centre, without interpolation, so a box's edges move to the nearest edge of a cell.
    ///
    /// # Panics
    /// When the view reaches beyond the grid.
    pub fn seen(&self, view: View) -> Self {
        let Grid { height, width } = self.grid;
        // The cell at `start + (at + ½) · part / cells`, rounded down.
        let source = |start: usize, part: usize, cells: usize, at: usize| {
            start + (2 * at + 1) * part / (2 * cells)
        };
        let columns: Vec<usize> = (0..width)
            .map(|x| if view.is_flipped { width - 1 - x } else { x })
            .map(|x| source(view.x, view.width, width, x))
            .collect();
        let mut cells = Vec::with_capacity(self.grid.cells());
        for y in 0..height {
            let row = &self.cells[source(view.y, view.height, height, y) * width..][..width];
            cells.extend(columns.iter().map(|&x| row[x]));
        }
        Self {
            grid: self.grid,
            cells,
        }
    }
}
