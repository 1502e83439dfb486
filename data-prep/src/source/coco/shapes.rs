//! Stores the segmentations of a COCO instances file in a few long vectors ([`Shapes`]); a `Vec` for each
//! segmentation would take more memory than its coordinates. `elements` fills them while it reads the file,
//! `instances` makes an `Rle` of a segmentation when it is asked for.

/// The kind of an annotation's segmentation, and where it lies in [`Shapes`]. `height` and `width` are the mask's
/// size in pixels, which the file gives with run lengths. Run lengths alternate between pixels outside and inside
/// the object, column by column.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Shape {
    /// The annotation has only a box.
    None,
    /// `count` polygons, the first of which is polygon number `first` of `polygon_ends`.
    Polygons { first: usize, count: u32 },
    /// Uncompressed run lengths (a list in the file): `counts[first..first + count]`.
    Counts {
        first: usize,
        count: u32,
        height: u32,
        width: u32,
    },
    /// COCO's compressed run lengths (a string in the file): `text[first..first + count]`.
    Text {
        first: usize,
        count: u32,
        height: u32,
        width: u32,
    },
}

/// All segmentations of a file, one after the other; [`Shape`] says where one lies.
#[derive(Debug, Default)]
pub(super) struct Shapes {
    /// The polygons' x, y, x, y, … in pixels.
    pub(super) coordinates: Vec<f64>,
    /// Where each polygon ends in `coordinates`.
    pub(super) polygon_ends: Vec<usize>,
    /// Uncompressed run lengths.
    pub(super) counts: Vec<u32>,
    /// Compressed run lengths, as in the file.
    pub(super) text: Vec<u8>,
}

impl Shapes {
    /// Returns the coordinates of polygon number `index`.
    fn polygon(&self, index: usize) -> &[f64] {
        let start = match index {
            0 => 0,
            _ => self.polygon_ends[index - 1],
        };
        &self.coordinates[start..self.polygon_ends[index]]
    }

    /// Returns the coordinates of `count` polygons from number `first` on.
    pub(super) fn polygons(&self, first: usize, count: u32) -> impl Iterator<Item = &[f64]> {
        (first..first + count as usize).map(|index| self.polygon(index))
    }

    /// Drops what was added since [`Shapes::lengths`] returned these lengths, so that an annotation that
    /// turns out to be broken leaves nothing behind.
    pub(super) fn truncate(&mut self, [coordinates, polygons, counts, text]: [usize; 4]) {
        self.coordinates.truncate(coordinates);
        self.polygon_ends.truncate(polygons);
        self.counts.truncate(counts);
        self.text.truncate(text);
    }

    /// Returns the present lengths, for [`Shapes::truncate`].
    pub(super) fn lengths(&self) -> [usize; 4] {
        [
            self.coordinates.len(),
            self.polygon_ends.len(),
            self.counts.len(),
            self.text.len(),
        ]
    }
}
