//! Image files to 8-bit RGB exactly as Pillow's `Image.open(…).convert("RGB")` gives them.
//!
//! The kind is told by the first bytes, not by the name. An EXIF orientation is not applied, since
//! Pillow does not either. Transparency is dropped, a palette looked up, gray repeated. JPEG is in
//! `jpeg`; here are PNG and the choice.

use std::io::Cursor;

use png::{BitDepth, ColorType, Transformations};

use crate::foreign;
use crate::jpeg;
use crate::resize::Rgb;

/// Why bytes are no image: what is there and what would have been right.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("found {found}, expected {expected}")]
pub struct Undecodable {
    /// What is there.
    pub found: String,
    /// What would have been right.
    pub expected: &'static str,
}

impl Undecodable {
    /// `found` where `expected` should be.
    pub fn new(found: impl Into<String>, expected: &'static str) -> Self {
        Self {
            found: found.into(),
            expected,
        }
    }
}

/// Decodes a JPEG or PNG file.
///
/// # Errors
/// When the bytes are neither, are cut short or broken, or of a kind that has no 8-bit RGB.
pub fn decode(bytes: &[u8]) -> Result<Rgb, Undecodable> {
    let mut decoder = Decoder::default();
    decoder.decode(bytes)?;
    Ok(decoder.image)
}

/// Decodes one file after the other in the same memory, so make one per thread.
#[derive(Debug, Default)]
pub struct Decoder {
    image: Rgb,
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
            // The reader panics over some broken files, as those with half a colour in the palette.
            let broken = |found| Undecodable::new(found, "a whole PNG image");
            self.image = foreign::read(|| decode_png(bytes), broken)?;
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

/// Pillow refuses images of more pixels as decompression bombs.
const MAX_PIXELS: usize = 178_956_970;

/// Refuses an image without pixels, or with so many that Pillow would not read it.
pub(crate) fn check_size(width: usize, height: usize) -> Result<(), Undecodable> {
    match width.checked_mul(height) {
        Some(1..=MAX_PIXELS) => Ok(()),
        _ => Err(Undecodable::new(
            format!("{width}x{height} pixels"),
            "1 to 178956970 pixels, as Pillow",
        )),
    }
}

/// What the PNG reader found. For a wrong checksum it goes on with its own structures, which tell a
/// user nothing.
pub(crate) fn png_fault(error: &png::DecodingError) -> String {
    let text = error.to_string();
    let end = text.find(" while decoding ").unwrap_or(text.len());
    text[..end].trim_end_matches('.').to_owned()
}

fn decode_png(bytes: &[u8]) -> Result<Rgb, Undecodable> {
    let broken =
        |error: png::DecodingError| Undecodable::new(png_fault(&error), "a whole PNG image");
    let mut decoder = png::Decoder::new(Cursor::new(bytes));
    decoder.set_transformations(Transformations::EXPAND | Transformations::STRIP_16);
    let mut reader = decoder.read_info().map_err(broken)?;
    let info = reader.info();
    if info.color_type == ColorType::Grayscale && info.bit_depth == BitDepth::Sixteen {
        return Err(Undecodable::new("16-bit gray", "8 bits a channel"));
    }
    let (width, height) = (info.width as usize, info.height as usize);
    check_size(width, height)?;
    let size = reader
        .output_buffer_size()
        .ok_or_else(|| Undecodable::new(format!("{width}x{height} pixels"), "fewer pixels"))?;
    let mut data = vec![0; size];
    let frame = reader.next_frame(&mut data).map_err(broken)?;
    data.truncate(frame.buffer_size());
    let data = match frame.color_type {
        ColorType::Rgb => data,
        ColorType::Rgba => data
            .chunks_exact(4)
            .flat_map(|p| [p[0], p[1], p[2]])
            .collect(),
        ColorType::Grayscale => data.iter().flat_map(|&gray| [gray; 3]).collect(),
        ColorType::GrayscaleAlpha => data.chunks_exact(2).flat_map(|p| [p[0]; 3]).collect(),
        ColorType::Indexed => return Err(Undecodable::new("no palette", "a whole PNG image")),
    };
    Ok(Rgb {
        width,
        height,
        data,
    })
}
