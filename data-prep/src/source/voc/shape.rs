//! Geometry of the shapes that other tools write into VOC annotations, polygons and rotated boxes: the boxes around
//! them, and the pixels inside polygons. Coordinates are the file's, in pixels.

use std::path::Path;

use crate::error::Problem;
use crate::mask::rle::{CompressedRle, Rle};

/// Returns the box xmin, ymin, xmax, ymax around polygons (x, y, x, y, …); `None` where they have no point.
pub(super) fn around(polygons: &[Vec<f64>]) -> Option<[f64; 4]> {
    let points = polygons.iter().flat_map(|polygon| polygon.chunks_exact(2));
    let boxes = points.map(|point| [point[0], point[1], point[0], point[1]]);
    boxes.reduce(|a, b| {
        let [x, y] = [a[0].min(b[0]), a[1].min(b[1])];
        [x, y, a[2].max(b[2]), a[3].max(b[3])]
    })
}

/// Returns the upright box xmin, ymin, xmax, ymax around a rotated one, which is given as the tool roLabelImg writes
/// it: centre x, centre y, width, height, angle in radians. In which direction the angle counts does not matter.
pub(super) fn around_turned([x, y, width, height, angle]: [f64; 5]) -> [f64; 4] {
    let (sin, cos) = (angle.sin().abs(), angle.cos().abs());
    let (width, height) = (width.abs(), height.abs());
    let right = (width * cos + height * sin) / 2.0;
    let down = (width * sin + height * cos) / 2.0;
    [x - right, y - down, x + right, y + down]
}

/// Returns the pixels inside the polygons of an object, as COCO's own code fills polygons, in an image of (width,
/// height). `path`, the annotation, and `number`, the object's place in it from 1, are named in errors.
///
/// # Errors
/// When a coordinate or an outline's length is absurdly large, or a polygon has fewer than three points.
pub(super) fn filled(
    path: &Path,
    number: usize,
    polygons: &[Vec<f64>],
    (width, height): (u32, u32),
) -> Result<CompressedRle, Problem> {
    let rle = Rle::from_polygons(polygons, height, width)
        .map_err(|malformed| malformed.at(path, format!("object[{number}]/polygon")))?;
    Ok(CompressedRle::from(&rle))
}
