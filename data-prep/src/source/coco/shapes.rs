//! The segmentations of an instances file, in flat pools: one allocation for each would take more
//! memory than the coordinates. `elements` fills them, `instances` makes run lengths of them.

/// Where an annotation's segmentation lies in [`Shapes`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Shape {
    None,
    Polygons {
        first: usize,
        count: u32,
    },
    Counts {
        first: usize,
        count: u32,
        height: u32,
        width: u32,
    },
    Text {
        first: usize,
        count: u32,
        height: u32,
        width: u32,
    },
}

/// All segmentations, one after the other.
#[derive(Debug, Default)]
pub(super) struct Shapes {
    /// Polygons' x, y, x, y, ….
    pub(super) coordinates: Vec<f64>,
    /// Where each polygon ends in `coordinates`.
    pub(super) polygon_ends: Vec<usize>,
    pub(super) counts: Vec<u32>,
    pub(super) text: Vec<u8>,
}

impl Shapes {
    pub(super) fn polygon(&self, index: usize) -> &[f64] {
        let start = match index {
            0 => 0,
            _ => self.polygon_ends[index - 1],
        };
        &self.coordinates[start..self.polygon_ends[index]]
    }

    /// Drops what was added since the pools had these lengths.
    pub(super) fn truncate(&mut self, [coordinates, polygons, counts, text]: [usize; 4]) {
        self.coordinates.truncate(coordinates);
        self.polygon_ends.truncate(polygons);
        self.counts.truncate(counts);
        self.text.truncate(text);
    }

    pub(super) fn lengths(&self) -> [usize; 4] {
        [
            self.coordinates.len(),
            self.polygon_ends.len(),
            self.counts.len(),
            self.text.len(),
        ]
    }
}
