//! Decodes PNG to RGB as Pillow does: drops transparency, looks up palettes, repeats gray in all channels.
//! The crate `image` is not used because it rounds 16-bit channels to 8 bits; Pillow drops the lower byte.
//! 16-bit gray is the one difference: its lower byte is dropped here, while Pillow makes every value above 255
//! white.

use std::io::Cursor;

use png::{ColorType, Transformations};

use super::raster::{Rgb, Undecodable, check_size};

/// Returns the PNG reader's message, without the internal structures that it appends to a wrong checksum.
pub(crate) fn fault(error: &png::DecodingError) -> String {
    let text = error.to_string();
    let end = text.find(" while decoding ").unwrap_or(text.len());
    text[..end].trim_end_matches('.').to_owned()
}

/// Decodes a PNG file.
///
/// # Errors
/// When it is cut short or broken, or of a kind that has no 8-bit RGB.
pub(super) fn decode(bytes: &[u8]) -> Result<Rgb, Undecodable> {
    let broken = |error: png::DecodingError| Undecodable::new(fault(&error), "a whole PNG image");
    let mut decoder = png::Decoder::new(Cursor::new(bytes));
    decoder.set_transformations(Transformations::EXPAND | Transformations::STRIP_16);
    let mut reader = decoder.read_info().map_err(broken)?;
    let info = reader.info();
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
