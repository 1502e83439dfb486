//! The data that the steps share: the frame (size, components and their meaning) and its planes of
//! samples.

/// The `expected` of messages about a whole JPEG file.
pub(super) const WHOLE: &str = "a whole JPEG image";

/// Blocks are 8 × 8 samples.
pub(super) const BLOCK: usize = 8;

/// Components of an image, at most.
pub(super) const MAX_COMPONENTS: usize = 4;

/// Memory that is reused from image to image, by component. New memory for every image would cost more
/// than the colour conversion.
#[derive(Debug, Default)]
pub(in crate::image) struct Buffers {
    pub(super) samples: [Vec<u8>; MAX_COMPONENTS],
    pub(super) blocks: [Vec<[i16; 64]>; MAX_COMPONENTS],
}

/// A component of the frame.
#[derive(Debug, Clone, Copy)]
pub(super) struct Component {
    pub id: u8,
    /// Sampling factors.
    pub h: usize,
    pub v: usize,
    pub quantisation: usize,
}

/// Size and components.
#[derive(Debug, Clone)]
pub(super) struct Frame {
    pub width: usize,
    pub height: usize,
    pub is_progressive: bool,
    pub components: Vec<Component>,
    pub h_max: usize,
    pub v_max: usize,
}

impl Frame {
    /// MCUs across and down.
    pub fn mcus(&self) -> (usize, usize) {
        (
            self.width.div_ceil(BLOCK * self.h_max),
            self.height.div_ceil(BLOCK * self.v_max),
        )
    }
}

/// What the components are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ColorModel {
    Gray,
    Rgb,
    YCbCr,
    Cmyk,
    /// YCbCr of the inverted CMY, and K.
    Ycck,
}

/// The samples of a component before upsampling, padded to whole blocks.
pub(super) struct Plane {
    pub samples: Vec<u8>,
    pub stride: usize,
    /// Columns without padding.
    pub width: usize,
    /// Rows without padding.
    pub height: usize,
}

impl Plane {
    /// The columns of row `y` without padding.
    pub fn row(&self, y: usize) -> &[u8] {
        &self.samples[y * self.stride..][..self.width]
    }
}
