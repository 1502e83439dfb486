//! Decodes image files to 8-bit RGB, exactly as Pillow's `Image.open(…).convert("RGB")` does. `jpeg`
//! decodes JPEG, `png` PNG.
//!
//! The first bytes of a file decide which of the two it is, not its name. An EXIF orientation is not
//! applied, because Pillow does not apply it.

use super::raster::{Rgb, Undecodable};
use super::{jpeg, png};
use crate::foreign;

/// Decodes a JPEG or PNG file.
///
/// # Errors
/// When the bytes are neither, are cut short or broken, or of a kind that has no 8-bit RGB.
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
    /// Decodes a JPEG or PNG file.
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
            let found = match bytes {
                [] => "an empty file".to_owned(),
                _ => format!("a file that begins {:02x?}", &bytes[..bytes.len().min(4)]),
            };
            return Err(Undecodable::new(found, "a JPEG or PNG image"));
        }
        Ok(&self.image)
    }
}
