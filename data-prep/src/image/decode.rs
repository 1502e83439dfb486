//! Decodes image files to 8-bit RGB. `jpeg` decodes JPEG and `png` PNG, exactly as Pillow's
//! `Image.open(…).convert("RGB")` does; `other` decodes WebP, TIFF, BMP and GIF.
//!
//! The first bytes of a file tell its format; its name does not matter. An EXIF orientation is not
//! applied here, because Pillow does not apply it; `orientation` turns images.

use super::raster::{Rgb, Undecodable};
use super::{jpeg, other, png};
use crate::foreign;

/// Decodes an image file.
///
/// # Errors
/// When the bytes are of no known format, are cut short or broken, or of a kind that has no 8-bit RGB.
pub fn decode(bytes: &[u8]) -> Result<Rgb, Undecodable> {
    let mut decoder = Decoder::default();
    decoder.decode(bytes)?;
    Ok(decoder.image)
}

/// Decodes one file after the other in the same memory. Each thread needs its own.
#[derive(Debug, Default)]
pub struct Decoder {
    /// The image decoded last.
    image: Rgb,
    /// Memory of the JPEG decoder.
    buffers: jpeg::Buffers,
}

impl Decoder {
    /// Decodes an image file.
    ///
    /// # Errors
    /// As [`decode`].
    pub fn decode(&mut self, bytes: &[u8]) -> Result<&Rgb, Undecodable> {
        if bytes.starts_with(b"\xff\xd8\xff") {
            jpeg::decode(bytes, &mut self.buffers, &mut self.image)?;
        } else if bytes.starts_with(b"\x89PNG\r\n\x1a\n") {
            // The crate `png` panics on some broken files, such as one whose palette ends within a colour.
            let broken = |found| Undecodable::new(found, "a whole PNG image");
            self.image = foreign::read(|| png::decode(bytes), broken)?;
        } else {
            let broken = |found| Undecodable::new(found, "a whole image");
            self.image = foreign::read(|| other::decode(bytes), broken)?;
        }
        Ok(&self.image)
    }
}
