//! Draws an attribution map (SPEC K, guidance figures): its positive part, divided by a high percentile
//! of it, white to dark red over the grey image, with boxes in cyan.

use crate::model::example::Example;
use crate::model::intervals::percentile;

/// The quantile (0 to 1) of the map's positive values that is drawn in full colour. The brightest 0.5 % are
/// clipped, because single pixels of input-layer maps would leave everything else white.
const CLIP: f64 = 0.995;
/// The opacity of the colour over the grey image.
const OVERLAY: f64 = 0.75;
/// Boxes, as the authors draw them.
const BOX: [u8; 3] = [0, 200, 230];

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

    /// The picture reduced `n` times, each pixel the mean of n × n.
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

/// The colour of `value` in [0, 1]: red stays full until 0.3 and then darkens, green and blue fall to
/// 0.15 at 0.3 and to 0 at 1.
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

/// The image with `map` (height × width, signed) laid over it.
///
/// # Panics
/// When the lengths do not fit; they are checked where examples are read.
pub fn overlay(image: &Picture, map: &[f32]) -> Picture {
    assert_eq!(
        map.len() * 3,
        image.rgb.len(),
        "map and image have the same grid"
    );
    let positive = |value: f32| if value > 0.0 { f64::from(value) } else { 0.0 };
    let mut sorted: Vec<f64> = map
        .iter()
        .map(|value| positive(*value))
        .filter(|v| *v > 0.0)
        .collect();
    sorted.sort_by(f64::total_cmp);
    let full = if sorted.is_empty() {
        1.0
    } else {
        percentile(&sorted, CLIP)
    };
    let mut rgb = Vec::with_capacity(image.rgb.len());
    for (pixel, value) in image.rgb.chunks_exact(3).zip(map) {
        let [r, g, b] = [pixel[0], pixel[1], pixel[2]].map(f64::from);
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

/// The picture at `scale` times its size, every pixel a square, with `boxes` (x1 y1 x2 y2 in pixels of
/// the original) drawn around their contents.
pub fn with_boxes(picture: &Picture, boxes: &[[i32; 4]], scale: usize) -> Picture {
    let (height, width) = (picture.height * scale, picture.width * scale);
    let mut rgb = Vec::with_capacity(height * width * 3);
    for y in 0..height {
        for x in 0..width {
            let source = (y / scale * picture.width + x / scale) * 3;
            rgb.extend_from_slice(&picture.rgb[source..source + 3]);
        }
    }
    let thickness = (width.min(height) / 110).max(2) as i64;
    for corners in boxes {
        let [x1, y1, x2, y2] = corners.map(|corner| i64::from(corner) * scale as i64);
        let (right, bottom) = (width as i64 - 1, height as i64 - 1);
        let (x1, x2) = (x1.clamp(0, right), x2.clamp(0, right));
        let (y1, y2) = (y1.clamp(0, bottom), y2.clamp(0, bottom));
        for y in y1..=y2 {
            for x in x1..=x2 {
                let inner = (x - x1).min(x2 - x).min(y - y1).min(y2 - y);
                if inner < thickness {
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
        // Rows 0 1 2 3 | 4 5 6 7; the third row falls away. Means of 0 1 4 5 and of 2 3 6 7, cut.
        let reduced = picture.reduced(2);
        assert_eq!(reduced.size(), (2, 1));
        assert_eq!(reduced.rgb, [2, 25, 100, 4, 45, 100]);
    }

    #[test]
    fn boxes_outside_the_picture_are_cut() {
        let picture = Picture {
            height: 8,
            width: 8,
            rgb: vec![0; 192],
        };
        let drawn = with_boxes(&picture, &[[-4, 2, 100, 100]], 2);
        assert_eq!((drawn.height, drawn.width), (16, 16));
        let at = |y: usize, x: usize| drawn.rgb[(y * 16 + x) * 3 + 1] == BOX[1];
        assert!(at(4, 0) && at(15, 15) && at(4, 8) && !at(3, 8) && !at(8, 8));
    }
}
