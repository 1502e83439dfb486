//! Draws an attribution map over its image, which is made grey: the positive part of the map from white to
//! dark red, divided by its own 99.5th percentile. Bounding boxes are drawn in cyan.

use crate::model::example::Example;
use crate::model::intervals::percentile;

/// The quantile (0 to 1) of the map's positive values that is drawn in full colour. The brightest 0.5 % are
/// clipped, because single pixels of input-layer maps would leave everything else white.
const CLIP: f64 = 0.995;
/// The opacity of the colour over the grey image; chosen.
pub const OVERLAY: f64 = 0.75;
/// The colour of bounding boxes: cyan, as the paper's authors draw them.
pub const BOX: [u8; 3] = [0, 200, 230];

/// A picture: row-major RGB.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picture {
    /// Pixels down.
    pub height: usize,
    /// Pixels across.
    pub width: usize,
    /// height × width × 3.
    pub rgb: Vec<u8>,
}

impl Picture {
    /// The image of an example, without its map.
    pub fn of(example: &Example) -> Self {
        Self {
            height: example.height,
            width: example.width,
            rgb: example.rgb.clone(),
        }
    }

    /// Width and height, pixels.
    pub fn size(&self) -> (usize, usize) {
        (self.width, self.height)
    }

    /// The picture with 1/n of its height and width. Each pixel is the mean of n × n, rounded down. Rows and
    /// columns that do not fill a block of n × n are dropped.
    pub fn reduced(&self, n: usize) -> Self {
        let (height, width) = (self.height / n, self.width / n);
        let mut rgb = Vec::with_capacity(height * width * 3);
        for y in 0..height {
            for x in 0..width {
                for channel in 0..3 {
                    let rows = (0..n).map(|dy| ((y * n + dy) * self.width + x * n) * 3 + channel);
                    let sum: usize = rows
                        .flat_map(|first| (0..n).map(move |dx| first + dx * 3))
                        .map(|at| usize::from(self.rgb[at]))
                        .sum();
                    rgb.push((sum / (n * n)) as u8);
                }
            }
        }
        Self { height, width, rgb }
    }
}

/// The colour of `value`, which is clamped to [0, 1], as red, green and blue in [0, 1], linear between chosen points.
/// Red stays 1 until 0.3 and then falls to 0.55 at 1; green and blue fall from 1 at 0 to 0.15 at 0.3 and to 0 at 1.
pub fn white_to_dark_red(value: f64) -> [f64; 3] {
    let value = value.clamp(0.0, 1.0);
    let other = if value < 0.3 {
        1.0 - value / 0.3 * 0.85
    } else {
        0.15 * (1.0 - value) / 0.7
    };
    let red = if value < 0.3 {
        1.0
    } else {
        1.0 - 0.45 * (value - 0.3) / 0.7
    };
    [red, other, other]
}

/// The value from which on a map is drawn in full colour: the quantile [`CLIP`] of its positive values; 1 where none
/// is positive, as any will do there.
pub fn full(map: impl Iterator<Item = f64>) -> f64 {
    let mut sorted: Vec<f64> = map.filter(|value| *value > 0.0).collect();
    sorted.sort_by(f64::total_cmp);
    match sorted.is_empty() {
        true => 1.0,
        false => percentile(&sorted, CLIP),
    }
}

/// The grey image with `map` (height × width, row-major, signed) drawn over it. Values that are negative, 0 or NaN are
/// white.
///
/// # Panics
/// When the map has another number of pixels than the image. [`crate::load::examples`] refuses such maps.
pub fn overlay(image: &Picture, map: &[f32]) -> Picture {
    assert_eq!(
        map.len() * 3,
        image.rgb.len(),
        "map and image have the same grid"
    );
    let positive = |value: f32| if value > 0.0 { f64::from(value) } else { 0.0 };
    let full = full(map.iter().map(|value| f64::from(*value)));
    let mut rgb = Vec::with_capacity(image.rgb.len());
    for (pixel, value) in image.rgb.chunks_exact(3).zip(map) {
        let [r, g, b] = [pixel[0], pixel[1], pixel[2]].map(f64::from);
        // Luma by ITU-R BT.601.
        let grey = 0.299 * r + 0.587 * g + 0.114 * b;
        for colour in white_to_dark_red(positive(*value) / full) {
            rgb.push((OVERLAY * colour * 255.0 + (1.0 - OVERLAY) * grey).round() as u8);
        }
    }
    Picture {
        height: image.height,
        width: image.width,
        rgb,
    }
}

/// The picture at `scale` times its size (every pixel becomes a square), with the frames of `boxes`: x1, y1, x2, y2 in
/// pixels of `picture`, of which x2 and y2 are the first outside (docs/SPEC.md A.5). A frame lies inside the edges of
/// its box. An edge outside the picture is not drawn.
pub fn with_boxes(picture: &Picture, boxes: &[[i32; 4]], scale: usize) -> Picture {
    let (height, width) = (picture.height * scale, picture.width * scale);
    let mut rgb = Vec::with_capacity(height * width * 3);
    for y in 0..height {
        for x in 0..width {
            let source = (y / scale * picture.width + x / scale) * 3;
            rgb.extend_from_slice(&picture.rgb[source..source + 3]);
        }
    }
    // In pixels, in proportion to the picture; the numbers are chosen.
    let thickness = (width.min(height) / 110).max(2) as i64;
    for corners in boxes {
        let [x1, y1, x2, y2] = corners.map(|corner| i64::from(corner) * scale as i64);
        for y in y1.max(0)..y2.min(height as i64) {
            for x in x1.max(0)..x2.min(width as i64) {
                let to_edge = (x - x1).min(x2 - 1 - x).min(y - y1).min(y2 - 1 - y);
                if to_edge < thickness {
                    let at = (y as usize * width + x as usize) * 3;
                    rgb[at..at + 3].copy_from_slice(&BOX);
                }
            }
        }
    }
    Picture { height, width, rgb }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn negative_is_white_and_strong_is_red() {
        let image = Picture {
            height: 1,
            width: 3,
            rgb: vec![255; 9],
        };
        let drawn = overlay(&image, &[-5.0, 0.0, 2.0]);
        assert_eq!(drawn.rgb[..6], [255; 6]);
        assert!(
            drawn.rgb[6] > 100 && drawn.rgb[7] < 80 && drawn.rgb[8] < 80,
            "{:?}",
            drawn.rgb
        );
        assert_eq!(overlay(&image, &[f32::NAN, -1.0, 0.0]).rgb, [255; 9]);
    }

    #[test]
    fn a_reduced_picture_has_the_means() {
        let rgb = (0..12).flat_map(|i| [i, 10 * i, 100]).collect();
        let picture = Picture {
            height: 3,
            width: 4,
            rgb,
        };
        // The red channel is 0 1 2 3 | 4 5 6 7; the third row is dropped. The means of 0 1 4 5 and of
        // 2 3 6 7 are 2.5 and 4.5, rounded down.
        let reduced = picture.reduced(2);
        assert_eq!(reduced.size(), (2, 1));
        assert_eq!(reduced.rgb, [2, 25, 100, 4, 45, 100]);
    }

    #[test]
    fn frames_lie_inside_their_boxes_and_end_with_the_picture() {
        let picture = Picture {
            height: 8,
            width: 8,
            rgb: vec![0; 192],
        };
        // The pixels (row, column) that are drawn.
        let drawn = |corners: [i32; 4]| {
            let drawn = with_boxes(&picture, &[corners], 2);
            assert_eq!((drawn.height, drawn.width), (16, 16));
            let pixels = (0..16).flat_map(|y| (0..16).map(move |x| (y, x)));
            let is_drawn = |(y, x): &(usize, usize)| drawn.rgb[(y * 16 + x) * 3 + 1] == BOX[1];
            pixels.filter(is_drawn).collect::<Vec<_>>()
        };
        // Of this box only the upper edge, two pixels thick, is in the picture.
        let upper = (4..6).flat_map(|y| (0..16).map(move |x| (y, x)));
        assert_eq!(drawn([-4, 2, 100, 100]), upper.collect::<Vec<_>>());
        // Rows 6 to 11 and columns 2 to 7, of which rows 8, 9 and columns 4, 5 are within the frame.
        let found = drawn([1, 3, 4, 6]);
        assert_eq!((found[0], found[found.len() - 1]), ((6, 2), (11, 7)));
        assert_eq!(found.len(), 6 * 6 - 2 * 2);
        assert_eq!(drawn([8, 0, 9, 8]), []);
    }
}
