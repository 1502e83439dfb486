//! Decodes WebP, TIFF, BMP and GIF (its first frame) to RGB, with the crate `image`. Transparency is dropped
//! and gray repeated in all channels, as Pillow does; of 16-bit channels the lower byte is dropped.

use std::io::Cursor;

use image::{DynamicImage, ImageFormat, ImageReader};

use super::raster::{Rgb, Undecodable, check_size};

/// The formats that this file decodes, for messages.
const EXPECTED: &str = "a JPEG, PNG, WebP, TIFF, BMP or GIF image";

/// Decodes a file in one of these formats.
///
/// # Errors
/// When the bytes are of another format, are cut short or broken, or have floating-point values.
pub(super) fn decode(bytes: &[u8]) -> Result<Rgb, Undecodable> {
    let format = match image::guess_format(bytes) {
        Ok(
            format @ (ImageFormat::WebP | ImageFormat::Tiff | ImageFormat::Bmp | ImageFormat::Gif),
        ) => format,
        _ => {
            let found = match bytes {
                [] => "an empty file".to_owned(),
                _ => format!("a file that begins {:02x?}", &bytes[..bytes.len().min(4)]),
            };
            return Err(Undecodable::new(found, EXPECTED));
        }
    };
    let broken = |error: image::ImageError| Undecodable::new(error.to_string(), "a whole image");
    let reader = || ImageReader::with_format(Cursor::new(bytes), format);
    let (width, height) = reader().into_dimensions().map_err(broken)?;
    check_size(width as usize, height as usize)?;
    let image = reader().decode().map_err(broken)?;
    let upper = |value: &u16| (value >> 8) as u8;
    let data = match image {
        DynamicImage::ImageLuma16(gray) => {
            gray.iter().flat_map(|value| [upper(value); 3]).collect()
        }
        DynamicImage::ImageLumaA16(gray) => {
            let pixels = gray.as_raw().chunks_exact(2);
            pixels.flat_map(|pixel| [upper(&pixel[0]); 3]).collect()
        }
        DynamicImage::ImageRgb16(rgb) => rgb.iter().map(upper).collect(),
        DynamicImage::ImageRgba16(rgba) => {
            let pixels = rgba.as_raw().chunks_exact(4);
            pixels
                .flat_map(|pixel| [0, 1, 2].map(|channel| upper(&pixel[channel])))
                .collect()
        }
        DynamicImage::ImageRgb32F(_) | DynamicImage::ImageRgba32F(_) => {
            return Err(Undecodable::new(
                "floating-point pixels",
                "8 or 16 bits a channel",
            ));
        }
        other => other.into_rgb8().into_raw(),
    };
    Ok(Rgb {
        width: width as usize,
        height: height as usize,
        data,
    })
}
