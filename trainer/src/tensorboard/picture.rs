//! Draws one picture of two halves for TensorBoard: on the left the image; on the right the same image in grey with
//! an attribution map over it, whose positive part goes from white to dark red. Both have the class's boxes.

use data_prep::geometry::{Grid, GridBox};

/// The quantile of the map's positive values that has the full colour, as in the report's figures. If it were the
/// maximum, a single great value of a map at the input would leave all others almost white.
const CLIP: f64 = 0.995;
/// The opacity of the colour over the grey image. Chosen, like the constants below.
const OVERLAY: f64 = 0.75;
/// The colour of bounding boxes.
const BOX: [u8; 3] = [0, 200, 230];
/// The number of white columns of pixels between the two halves.
const GAP: usize = 4;

/// The width and height of the picture of an image of this size.
pub fn size(grid: Grid) -> (usize, usize) {
    (2 * grid.width + GAP, grid.height)
}

/// The picture as 8-bit RGB, row by row. `rgb` are the image's pixels (height · width · 3), `map` is the map at the
/// same size, `grid`.
pub fn draw(rgb: &[u8], map: &[f32], boxes: &[GridBox], grid: Grid) -> Vec<u8> {
    let (mut left, mut right) = (rgb.to_vec(), overlay(rgb, map));
    for half in [&mut left, &mut right] {
        for frame in boxes {
            outline(half, *frame, grid);
        }
    }
    let row = 3 * grid.width;
    let rows = left.chunks_exact(row).zip(right.chunks_exact(row));
    rows.flat_map(|(left, right)| [left, &[255; 3 * GAP], right].concat())
        .collect()
}

/// The picture as a PNG file.
///
/// # Errors
/// A size that PNG cannot hold.
pub fn png(picture: &[u8], (width, height): (usize, usize)) -> Result<Vec<u8>, png::EncodingError> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, width as u32, height as u32);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Eight);
    let mut writer = encoder.write_header()?;
    writer.write_image_data(picture)?;
    writer.finish()?;
    Ok(bytes)
}

/// The image in grey (luma of ITU-R BT.601) with the map over it.
fn overlay(rgb: &[u8], map: &[f32]) -> Vec<u8> {
    let mut positive: Vec<f32> = map.iter().copied().filter(|value| *value > 0.0).collect();
    positive.sort_by(f32::total_cmp);
    let clip = (CLIP * positive.len() as f64) as usize;
    let full = positive.get(clip).copied().unwrap_or(1.0);
    let (pixels, _) = rgb.as_chunks::<3>();
    let of_pixel = |(pixel, value): (&[u8; 3], &f32)| {
        let [r, g, b] = pixel.map(f64::from);
        let grey = 0.299 * r + 0.587 * g + 0.114 * b;
        white_to_dark_red(f64::from(value / full))
            .map(|colour| (OVERLAY * 255.0 * colour + (1.0 - OVERLAY) * grey).round() as u8)
    };
    pixels.iter().zip(map).flat_map(of_pixel).collect()
}

/// The colour of `value` (clamped to 0–1) as red, green and blue, each 0 to 1, as in the report's figures: white at
/// 0, red at 0.3, dark red at 1.
fn white_to_dark_red(value: f64) -> [f64; 3] {
    let value = value.clamp(0.0, 1.0);
    let (low, high) = ((value / 0.3).min(1.0), ((value - 0.3) / 0.7).max(0.0));
    let other = 1.0 - 0.85 * low - 0.15 * high;
    [1.0 - 0.45 * high, other, other]
}

/// Draws the frame of a box inside its edges: two pixels wide if the image has at least 110 rows and columns, else
/// one. An edge outside the image is not drawn.
fn outline(rgb: &mut [u8], frame: GridBox, grid: Grid) {
    let thickness = (grid.width.min(grid.height) / 110 + 1).min(2) as i32;
    let GridBox { x1, y1, x2, y2 } = frame;
    for y in y1.max(0)..y2.min(grid.height as i32) {
        for x in x1.max(0)..x2.min(grid.width as i32) {
            if (x - x1).min(x2 - 1 - x).min(y - y1).min(y2 - 1 - y) < thickness {
                let at = 3 * (y as usize * grid.width + x as usize);
                rgb[at..at + 3].copy_from_slice(&BOX);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edges_outside_the_image_are_not_drawn() {
        let grid = Grid {
            height: 4,
            width: 4,
        };
        let frame = GridBox {
            x1: -2,
            y1: 1,
            x2: 3,
            y2: 9,
        };
        let picture = draw(&[0; 48], &[0.0; 16], &[frame], grid);
        let (width, _) = size(grid);
        let is_drawn = |y: usize, x: usize| picture[3 * (y * width + x)..][..3] == BOX;
        let rows = [0, 1, 2, 3].map(|y| [0, 1, 2, 3].map(|x| is_drawn(y, x)));
        let side = [false, false, true, false];
        assert_eq!(rows, [[false; 4], [true, true, true, false], side, side]);
    }

    /// A black image of 4 columns and 2 rows with a box over the second and third column. In the right half, which
    /// begins at column 8, the greatest value must be dark red over black, a negative one white over black.
    #[test]
    fn image_and_map_stand_side_by_side_with_their_box() {
        let grid = Grid {
            height: 2,
            width: 4,
        };
        let frame = GridBox {
            x1: 1,
            y1: -3,
            x2: 3,
            y2: 9,
        };
        let map = [2.0, 1.0, 1.0, -1.0, 0.0, 0.0, 0.0, 0.0];
        let picture = draw(&[0; 24], &map, &[frame], grid);
        assert_eq!(size(grid), (12, 2));
        assert_eq!(picture.len(), 3 * 12 * 2);
        let at = |x: usize| &picture[3 * x..3 * x + 3];
        assert_eq!((at(0), at(1), at(3)), (&[0; 3][..], &BOX[..], &[0; 3][..]));
        assert_eq!(at(4), [255; 3]);
        // Dark red 0.75 · 0.55 · 255, the box, and white 0.75 · 255.
        assert_eq!((at(8), at(9)), (&[105, 0, 0][..], &BOX[..]));
        assert_eq!(at(11), [191; 3]);
    }
}
