//! The orientation that a camera writes into an image file (EXIF tag 0x0112): how the stored pixels are to
//! be mirrored and turned to be seen upright.

use std::io::Cursor;

use super::raster::Rgb;

/// An orientation by its EXIF number. 1 is upright, the default, also for a file that names none; 2 to 4 are
/// mirrored, turned by 180°, and both; 5 to 8 exchange width and height.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Orientation(u8);

impl Default for Orientation {
    fn default() -> Self {
        Self(1)
    }
}

impl Orientation {
    /// Reads the orientation of a JPEG, PNG, WebP or TIFF file. What cannot be read counts as upright, as in
    /// the programs that show images.
    pub(crate) fn of(file: &[u8]) -> Self {
        let read = || exif::Reader::new().read_from_container(&mut Cursor::new(file));
        let Ok(fields) = crate::foreign::read(read, |_| exif::Error::InvalidFormat("a panic"))
        else {
            return Self::default();
        };
        let field = fields.get_field(exif::Tag::Orientation, exif::In::PRIMARY);
        match field.and_then(|field| field.value.get_uint(0)) {
            Some(value @ 2..=8) => Self(value as u8),
            _ => Self::default(),
        }
    }

    /// Width and height of an image after it is turned.
    pub(crate) fn size(self, (width, height): (u32, u32)) -> (u32, u32) {
        match self.0 {
            5..=8 => (height, width),
            _ => (width, height),
        }
    }

    /// Mirrors and turns an image.
    pub(crate) fn apply(self, image: &Rgb) -> Rgb {
        let (width, height) = self.size((image.width as u32, image.height as u32));
        let (width, height) = (width as usize, height as usize);
        let mut data = Vec::with_capacity(image.data.len());
        for y in 0..height {
            for x in 0..width {
                let (right, down) = (width - 1 - x, height - 1 - y);
                // The stored pixel that is seen at (x, y).
                let (from_x, from_y) = match self.0 {
                    2 => (right, y),
                    3 => (right, down),
                    4 => (x, down),
                    5 => (y, x),
                    6 => (y, right),
                    7 => (down, right),
                    8 => (down, x),
                    _ => (x, y),
                };
                let at = 3 * (from_y * image.width + from_x);
                data.extend_from_slice(&image.data[at..at + 3]);
            }
        }
        Rgb {
            width,
            height,
            data,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The image has the rows abc and def. The expected rows are those of Pillow's `ImageOps.exif_transpose`.
    #[test]
    fn pixels_are_turned_as_pillow_turns_them() {
        let image = Rgb {
            width: 3,
            height: 2,
            data: b"abcdef".iter().flat_map(|&letter| [letter; 3]).collect(),
        };
        for (orientation, rows) in [
            (1, "abc def"),
            (2, "cba fed"),
            (3, "fed cba"),
            (4, "def abc"),
            (5, "ad be cf"),
            (6, "da eb fc"),
            (7, "fc eb da"),
            (8, "cf be ad"),
        ] {
            let turned = Orientation(orientation).apply(&image);
            let letters: Vec<u8> = turned.data.iter().step_by(3).copied().collect();
            let seen: Vec<&str> = letters
                .chunks(turned.width)
                .map(|row| std::str::from_utf8(row).unwrap_or_default())
                .collect();
            assert_eq!(seen.join(" "), rows, "orientation {orientation}");
        }
    }
}
