//! Prepares single image files, without annotations, as the images of a data folder are prepared: decoded,
//! turned upright if asked for, and resized to the network's input. `trainer predict` uses it.

use std::path::Path;

use crate::error::{Problem, unreadable};
use crate::image::decode::Decoder;
use crate::image::orientation::Orientation;
use crate::image::raster::Rgb;
use crate::image::resize::Resizer;
use crate::mask::geometry::Grid;

/// An image, prepared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prepared {
    /// The pixels at the network's input size: height · width · 3 bytes.
    pub input: Vec<u8>,
    /// The image for people to look at, if one was asked for: with its own aspect, made smaller where it is large.
    pub shown: Option<Rgb>,
}

/// Prepares one file after the other in the same memory. Each thread needs its own.
#[derive(Debug)]
pub struct Preparer {
    decoder: Decoder,
    resizer: Resizer,
    /// Whether images are turned as their EXIF orientation says.
    is_turning: bool,
    /// The most pixels of the longer side of [`Prepared::shown`]; `None`: no such image is made.
    longest: Option<usize>,
}

impl Preparer {
    /// Makes a preparer to the size of `grid`. With `is_turning`, images are turned as their EXIF orientation
    /// says; `longest` is the longer side in pixels of the image to be looked at, `None` for no such image.
    pub fn new(grid: Grid, is_turning: bool, longest: Option<usize>) -> Self {
        Self {
            decoder: Decoder::default(),
            resizer: Resizer::new(grid),
            is_turning,
            longest,
        }
    }

    /// Reads and prepares a file.
    ///
    /// # Errors
    /// When it cannot be read or decoded.
    pub fn prepare(&mut self, path: &Path) -> Result<Prepared, Problem> {
        let file = fs_err::read(path)
            .map_err(|error| Problem::new(path, "file", unreadable(&error), "an image"))?;
        let mut image = self
            .decoder
            .decode(&file)
            .map_err(|error| Problem::new(path, "image", error.found, error.expected))?;
        let turned;
        let orientation = match self.is_turning {
            true => Orientation::of(&file),
            false => Orientation::default(),
        };
        if orientation != Orientation::default() {
            turned = orientation.apply(image);
            image = &turned;
        }
        Ok(Prepared {
            input: self.resizer.resize(image),
            shown: self.longest.map(|longest| reduced(image, longest)),
        })
    }
}

/// Returns the image with its longer side at most `longest` pixels and the same aspect.
fn reduced(image: &Rgb, longest: usize) -> Rgb {
    let (width, height) = (image.width, image.height);
    let side = width.max(height);
    if side <= longest {
        return image.clone();
    }
    // To the nearest pixel.
    let scaled = |length: usize| ((2 * length * longest + side) / (2 * side)).max(1);
    let grid = Grid {
        height: scaled(height),
        width: scaled(width),
    };
    Rgb {
        width: grid.width,
        height: grid.height,
        data: Resizer::new(grid).resize(image),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_large_image_keeps_its_shape() {
        let size = |width: usize, height: usize| {
            let image = Rgb {
                width,
                height,
                data: vec![7; width * height * 3],
            };
            let small = reduced(&image, 8);
            assert!(small.data.iter().all(|&value| value == 7));
            assert_eq!(small.data.len(), small.width * small.height * 3);
            (small.width, small.height)
        };
        assert_eq!(size(8, 3), (8, 3));
        assert_eq!(size(16, 11), (8, 6));
        assert_eq!(size(11, 16), (6, 8));
        assert_eq!(size(900, 1), (8, 1));
    }
}
