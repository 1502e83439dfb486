//! Draws rectangles, outlines, enlarged images and text (in the 8×8 font of the public-domain
//! `font8x8`) into an 8-bit RGB picture, for contact sheets.

use std::io;
use std::path::Path;

use crate::store::atomic;

/// 8-bit RGB.
pub(super) type Rgb = [u8; 3];

/// Side of a glyph in pixels at scale 1.
pub(super) const GLYPH: usize = 8;

/// A row-major picture; drawing outside of it is cut off.
pub(super) struct Drawing {
    /// Columns in pixels.
    pub(super) width: usize,
    /// Rows in pixels.
    pub(super) height: usize,
    rgb: Vec<u8>,
}

/// How a box is outlined.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stroke {
    Solid,
    Dashed,
    Dotted,
}

impl Stroke {
    /// Whether the pixel at this distance from the line's start is drawn. A dash is 7 pixels and a gap 5; a dot
    /// 2 and a gap 2.
    fn is_drawn(self, along: usize) -> bool {
        match self {
            Self::Solid => true,
            Self::Dashed => along % 12 < 7,
            Self::Dotted => along % 4 < 2,
        }
    }
}

impl Drawing {
    pub(super) fn new(width: usize, height: usize, background: Rgb) -> Self {
        Self {
            width,
            height,
            rgb: background.repeat(width * height),
        }
    }

    /// Returns the pixel at (x, y), or `None` outside.
    fn pixel(&mut self, x: usize, y: usize) -> Option<&mut [u8]> {
        if x >= self.width || y >= self.height {
            return None;
        }
        let at = 3 * (y * self.width + x);
        Some(&mut self.rgb[at..at + 3])
    }

    /// Sets a pixel to a mix of what is there and `color`: all `color` at share 1.
    pub(super) fn tint(&mut self, x: usize, y: usize, color: Rgb, share: f32) {
        if let Some(pixel) = self.pixel(x, y) {
            for (old, new) in pixel.iter_mut().zip(color) {
                let mixed = f32::from(*old) + (f32::from(new) - f32::from(*old)) * share;
                *old = mixed.round() as u8;
            }
        }
    }

    /// Fills a rectangle.
    pub(super) fn fill(&mut self, x: usize, y: usize, width: usize, height: usize, color: Rgb) {
        for row in y..y + height {
            for column in x..x + width {
                self.tint(column, row, color, 1.0);
            }
        }
    }

    /// Draws an image of `columns` columns (row-major, interleaved RGB), each pixel as a square of `scale`.
    pub(super) fn enlarged(
        &mut self,
        x: usize,
        y: usize,
        rgb: &[u8],
        columns: usize,
        scale: usize,
    ) {
        for (index, color) in rgb.chunks_exact(3).enumerate() {
            let (column, row) = (index % columns, index / columns);
            let color = [color[0], color[1], color[2]];
            self.fill(x + column * scale, y + row * scale, scale, scale, color);
        }
    }

    /// Draws an outline just within a rectangle: two pixels of the color, inside it one of half-transparent
    /// black, so that it shows on any picture.
    pub(super) fn outline(
        &mut self,
        x: usize,
        y: usize,
        width: usize,
        height: usize,
        color: Rgb,
        stroke: Stroke,
    ) {
        // Draws the outline `inset` pixels inside the rectangle.
        let mut ring = |inset: usize, color: Rgb, share: f32| {
            if width <= 2 * inset || height <= 2 * inset {
                return;
            }
            let (right, bottom) = (x + width - 1 - inset, y + height - 1 - inset);
            for column in x + inset..=right {
                if stroke.is_drawn(column - x) {
                    self.tint(column, y + inset, color, share);
                    self.tint(column, bottom, color, share);
                }
            }
            for row in y + inset..=bottom {
                if stroke.is_drawn(row - y) {
                    self.tint(x + inset, row, color, share);
                    self.tint(right, row, color, share);
                }
            }
        };
        ring(0, color, 1.0);
        ring(1, color, 1.0);
        ring(2, [0, 0, 0], 0.5);
    }

    /// Writes one line of text; a character that the font lacks becomes a question mark. A glyph is a byte per
    /// row, whose lowest bit is the leftmost pixel.
    pub(super) fn text(&mut self, x: usize, y: usize, text: &str, color: Rgb, scale: usize) {
        for (index, letter) in text.chars().enumerate() {
            let code = if letter.is_ascii() {
                letter as usize
            } else {
                '?' as usize
            };
            let left = x + index * GLYPH * scale;
            for (row, bits) in font8x8::legacy::BASIC_LEGACY[code].iter().enumerate() {
                for column in (0..GLYPH).filter(|column| bits >> column & 1 == 1) {
                    self.fill(left + column * scale, y + row * scale, scale, scale, color);
                }
            }
        }
    }

    /// Writes the picture as a PNG.
    pub(super) fn write(&self, path: &Path) -> io::Result<()> {
        atomic::write(path, |file| {
            let mut encoder = png::Encoder::new(file, self.width as u32, self.height as u32);
            encoder.set_color(png::ColorType::Rgb);
            encoder.set_depth(png::BitDepth::Eight);
            let named = |error| match error {
                png::EncodingError::IoError(error) => error, // names the file
                other => io::Error::other(format!("{}: {other}", path.display())),
            };
            let mut writer = encoder.write_header().map_err(named)?;
            writer.write_image_data(&self.rgb).map_err(named)?;
            writer.finish().map_err(named)
        })
    }
}

/// Returns the width of a text in pixels.
pub(super) fn text_width(text: &str, scale: usize) -> usize {
    text.chars().count() * GLYPH * scale
}
