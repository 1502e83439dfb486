//! Brings annotations that were fractions of the stored image's size to the size of the image that a camera
//! turned, where the user asks for turned images (`--exif apply`).

use rayon::prelude::*;

use crate::image::orientation::Orientation;
use crate::mask::rle::{CompressedRle, Rle};
use crate::source::record::SourceImage;

/// Stretches boxes and shapes of the images whose width and height a camera exchanged. The fractions are then
/// those of the turned image.
pub(super) fn stretch(images: &mut [SourceImage]) {
    images.par_iter_mut().for_each(|image| {
        let Ok(bytes) = fs_err::read(&image.path) else {
            return; // decoding reports the error
        };
        if image.objects.is_empty() || Orientation::of(&bytes).size((1, 2)) == (1, 2) {
            return;
        }
        let Ok(size) = imagesize::blob_size(&bytes) else {
            return; // as above
        };
        let wider = size.height as f64 / size.width as f64;
        for object in &mut image.objects {
            let [left, top, right, bottom] = object.bbox;
            object.bbox = [left * wider, top / wider, right * wider, bottom / wider];
            let shape = object.segmentation.take();
            object.segmentation = shape.and_then(|shape| exchanged(&shape));
        }
    });
}

/// Returns a shape on an image whose width and height are exchanged, each pixel from the nearest of `shape`.
fn exchanged(shape: &CompressedRle) -> Option<CompressedRle> {
    let pixels = shape.decompressed().ok()?.to_bitmap();
    let (height, width) = (shape.height as usize, shape.width as usize);
    let nearest = |at: usize, of: usize, to: usize| (2 * at + 1) * of / (2 * to);
    let mut exchanged = Vec::with_capacity(pixels.len());
    for y in 0..width {
        let row = nearest(y, height, width) * width;
        exchanged.extend((0..height).map(|x| pixels[row + nearest(x, width, height)]));
    }
    let rle = Rle::from_bitmap(shape.width, shape.height, &exchanged).ok()?;
    Some(CompressedRle::from(&rle))
}
