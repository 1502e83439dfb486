//! Adapts annotations that are fractions of the image's size (YOLO) to images that are turned (`--exif apply`).
//!
//! Their reader has multiplied the fractions by the width and height of the image as it is stored. If the
//! camera's EXIF orientation turns the image by 90°, the two are exchanged, and the same fractions are taken
//! of the turned image.

use rayon::prelude::*;

use crate::image::orientation::Orientation;
use crate::mask::rle::{CompressedRle, Rle};
use crate::source::record::SourceImage;

/// Rescales boxes and shapes of the images whose EXIF orientation exchanges width and height, from pixels of
/// the stored image to pixels of the turned one. The fractions stay; nothing is rotated.
pub(super) fn stretch(images: &mut [SourceImage]) {
    images.par_iter_mut().for_each(|image| {
        let Ok(bytes) = fs_err::read(&image.path) else {
            return; // decoding reports the error
        };
        // A size of 1 × 2 tells whether the orientation exchanges width and height.
        if image.objects.is_empty() || Orientation::of(&bytes).size((1, 2)) == (1, 2) {
            return;
        }
        let Ok(size) = imagesize::blob_size(&bytes) else {
            return; // decoding reports this, too
        };
        // The turned image is as wide as the stored one is high.
        let wider = size.height as f64 / size.width as f64;
        for object in &mut image.objects {
            let [left, top, right, bottom] = object.bbox;
            object.bbox = [left * wider, top / wider, right * wider, bottom / wider];
            let shape = object.segmentation.take();
            object.segmentation = shape.and_then(|shape| exchanged(&shape));
        }
    });
}

/// Returns `shape` resized to an image whose width and height are exchanged: each pixel takes the value of the
/// nearest pixel of `shape`. `None` where the shape cannot be decompressed.
fn exchanged(shape: &CompressedRle) -> Option<CompressedRle> {
    let pixels = shape.decompressed().ok()?.to_bitmap();
    let (height, width) = (shape.height as usize, shape.width as usize);
    // The index among `of` pixels under the centre of pixel `at` of `to`.
    let nearest = |at: usize, of: usize, to: usize| (2 * at + 1) * of / (2 * to);
    let mut exchanged = Vec::with_capacity(pixels.len());
    for y in 0..width {
        let row = nearest(y, height, width) * width;
        exchanged.extend((0..height).map(|x| pixels[row + nearest(x, width, height)]));
    }
    let rle = Rle::from_bitmap(shape.width, shape.height, &exchanged).ok()?;
    Some(CompressedRle::from(&rle))
}
