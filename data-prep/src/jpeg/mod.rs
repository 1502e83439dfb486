//! JPEG to RGB, every sample as libjpeg-turbo (and so Pillow) decodes it.
//!
//! Own code because it has to be exact on a machine without an assembler: the decoder in Rust that was
//! measured (zune-jpeg 0.5) is up to seven levels off libjpeg, and libjpeg-turbo built without its
//! assembly, though exact, is C and slower than this. Baseline and progressive Huffman-coded files of
//! 8 bits, any sampling that libjpeg takes.
//!
//! One file per step: `header` (segments), `bits` (Huffman codes), `scan` (coefficients), `idct`
//! (blocks to samples), `upsample`, `color`. What libjpeg only warns about in the coded data (a wrong
//! code, data that ends early) is an error here: such an image is broken.

mod bits;
mod color;
mod header;
mod idct;
mod scan;
mod upsample;

use crate::decode::Undecodable;
use crate::resize::Rgb;
use header::{Frame, Header, Segment};
use scan::Coefficients;

/// What a JPEG has to be, in messages.
const WHOLE: &str = "a whole JPEG image";

/// Blocks are 8 × 8 samples.
const BLOCK: usize = 8;

/// Components of an image, at most.
const MAX_COMPONENTS: usize = 4;

/// Memory that one image leaves for the next, by component. New memory for every image would cost
/// more than the colour conversion.
#[derive(Debug, Default)]
pub(crate) struct Buffers {
    samples: [Vec<u8>; MAX_COMPONENTS],
    blocks: [Vec<[i16; 64]>; MAX_COMPONENTS],
}

/// Decodes a JPEG file into `image`. Gray is repeated, CMYK converted as Pillow does it.
///
/// # Errors
/// When the file is cut short or broken, or of a kind that Pillow cannot read as 8-bit RGB either or
/// that no camera writes (arithmetic coding, 12 bits, lossless). `image` is then not to be used.
pub(crate) fn decode(
    bytes: &[u8],
    buffers: &mut Buffers,
    image: &mut Rgb,
) -> Result<(), Undecodable> {
    let mut header = Header::new(bytes);
    let mut coefficients: Option<Coefficients> = None;
    loop {
        match header.next_segment()? {
            Segment::Frame(frame) => {
                if coefficients.is_some() {
                    return Err(Undecodable::new("a second frame", WHOLE));
                }
                coefficients = Some(Coefficients::new(frame, buffers));
            }
            Segment::Scan(scan) => {
                let Some(coefficients) = &mut coefficients else {
                    return Err(Undecodable::new("a scan before the frame", WHOLE));
                };
                let end = coefficients.read_scan(&scan, &header)?;
                header.continue_at(end);
            }
            Segment::End => break,
        }
    }
    let mut coefficients = coefficients.ok_or_else(|| Undecodable::new("no frame", WHOLE))?;
    coefficients.finish()?;
    let (frame, planes) = coefficients.parts_of_image();
    image.width = frame.width;
    image.height = frame.height;
    color::to_rgb(frame, planes, header.color_model(frame)?, &mut image.data);
    coefficients.give_back(buffers);
    Ok(())
}

/// The samples of a component before upsampling, padded to whole blocks.
struct Plane {
    samples: Vec<u8>,
    stride: usize,
    /// Columns that are of the image.
    width: usize,
    /// Rows that are of the image.
    height: usize,
}

impl Plane {
    /// The columns of row `y` that are of the image.
    fn row(&self, y: usize) -> &[u8] {
        &self.samples[y * self.stride..][..self.width]
    }
}

impl Frame {
    /// MCUs across and down.
    fn mcus(&self) -> (usize, usize) {
        (
            self.width.div_ceil(BLOCK * self.h_max),
            self.height.div_ceil(BLOCK * self.v_max),
        )
    }
}
