//! Types that the steps of JPEG decoding share. The frame is an image's size and its components (Y, Cb, Cr,
//! …); a plane holds a component's samples.

/// The `expected` of messages about a whole JPEG file.
pub(super) const WHOLE: &str = "a whole JPEG image";

/// Width and height of a block, in samples.
pub(super) const BLOCK: usize = 8;

/// Components of an image, at most.
pub(super) const MAX_COMPONENTS: usize = 4;

/// Memory by component that is reused for the next image. New memory for every image would cost more than
/// the colour conversion.
#[derive(Debug, Default)]
pub(in crate::image) struct Buffers {
    /// Samples of [`Plane`].
    pub(super) samples: [Vec<u8>; MAX_COMPONENTS],
    /// Coefficients of progressive images.
    pub(super) blocks: [Vec<[i16; 64]>; MAX_COMPONENTS],
}

/// A component as the file declares it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Component {
    /// The number by which scans name it.
    pub id: u8,
    /// Sampling factor across: how many of its blocks an MCU has side by side.
    pub h: usize,
    /// Sampling factor down.
    pub v: usize,
    /// The number of its quantisation table.
    pub quantisation: usize,
}

/// An image's size, kind and components.
#[derive(Debug, Clone)]
pub(super) struct Frame {
    pub width: usize,
    pub height: usize,
    pub is_progressive: bool,
    pub components: Vec<Component>,
    /// The largest sampling factor across.
    pub h_max: usize,
    /// The largest sampling factor down.
    pub v_max: usize,
}

impl Frame {
    /// Returns how many MCUs (minimum coded units: the blocks of all components that belong together) the
    /// image has across and down.
    pub fn mcus(&self) -> (usize, usize) {
        (
            self.width.div_ceil(BLOCK * self.h_max),
            self.height.div_ceil(BLOCK * self.v_max),
        )
    }
}

/// The colour model of the components.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ColorModel {
    /// One component.
    Gray,
    /// Red, green and blue as they are.
    Rgb,
    /// Luma, blue and red difference, the usual one.
    YCbCr,
    /// Cyan, magenta, yellow and black.
    Cmyk,
    /// YCbCr of the inverted CMY, and black.
    Ycck,
}

/// A component's samples at its own resolution, padded to whole blocks.
pub(super) struct Plane {
    pub samples: Vec<u8>,
    /// Samples from one row to the next.
    pub stride: usize,
    /// Columns without padding.
    pub width: usize,
    /// Rows without padding.
    pub height: usize,
}

impl Plane {
    /// Returns row `y` without padding.
    pub fn row(&self, y: usize) -> &[u8] {
        &self.samples[y * self.stride..][..self.width]
    }
}
