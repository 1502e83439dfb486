//! Draws an attribution map over its image, which is made grey: the map's positive part from white to dark
//! red, as in the report's figures, but the more transparent the weaker it is, so that the image is seen.

use std::path::Path;

use data_prep::atomic;
use data_prep::geometry::Grid;
use data_prep::raster::Rgb;
use evaluator::maps::to_grid;

use crate::error::Result;

/// The quantile of a map's positive values that is drawn in full colour, as in the report's figures. If it were
/// the maximum, a single great value of an input-layer map would leave everything else almost white.
const CLIP: f64 = 0.995;
/// The greatest opacity of the colour. Chosen, so that the image is seen below it.
const OPAQUE: f64 = 0.75;
/// The share of full strength from which on the opacity is the greatest: where the colour scale turns darker, too.
const OPAQUE_AT: f64 = 0.3;

/// Returns the value of `map`, of `size` (height, width), that is drawn in full colour: a quantile of the
/// positive values on the network's input of size `grid`, interpolated as numpy's. `None` without positive
/// values.
pub fn full(map: &[f32], size: (usize, usize), grid: Grid) -> Option<f64> {
    let map = to_grid(map, size, grid);
    let mut positive: Vec<f32> = map.iter().copied().filter(|&value| value > 0.0).collect();
    positive.sort_unstable_by(f32::total_cmp);
    let last = positive.len().checked_sub(1)?;
    let position = CLIP * last as f64;
    let [low, high] =
        [position.floor(), position.ceil()].map(|at| f64::from(positive[at as usize]));
    Some(low + (high - low) * position.fract())
}

/// Returns `image` in grey with `map`, of `size` (height, width), brought to its size over it. `full` is the
/// map's value in full colour.
pub fn draw(image: &Rgb, map: &[f32], size: (usize, usize), full: f64) -> Rgb {
    let grid = Grid {
        height: image.height,
        width: image.width,
    };
    let map = to_grid(map, size, grid);
    let mut data = Vec::with_capacity(image.data.len());
    for (pixel, &value) in image.data.as_chunks::<3>().0.iter().zip(map.iter()) {
        let [r, g, b] = pixel.map(f64::from);
        // The luma of ITU-R BT.601, as in JPEG.
        let grey = 0.299 * r + 0.587 * g + 0.114 * b;
        let strength = (f64::from(value) / full).clamp(0.0, 1.0);
        let opacity = OPAQUE * (strength / OPAQUE_AT).min(1.0);
        let mix = |colour: f64| opacity * colour * 255.0 + (1.0 - opacity) * grey;
        data.extend(white_to_dark_red(strength).map(|colour| mix(colour).round() as u8));
    }
    Rgb {
        width: image.width,
        height: image.height,
        data,
    }
}

/// Returns red, green and blue in [0, 1] for `value` in [0, 1]: the report's scale
/// (`analysis/src/render/colormap.rs`). Red stays 1 until 0.3 and then falls to 0.55; green and blue fall from
/// 1 to 0.15 at 0.3 and to 0 at 1.
fn white_to_dark_red(value: f64) -> [f64; 3] {
    let (red, other) = match value < 0.3 {
        true => (1.0, 1.0 - value / 0.3 * 0.85),
        false => (1.0 - 0.45 * (value - 0.3) / 0.7, 0.15 * (1.0 - value) / 0.7),
    };
    [red, other, other]
}

/// Writes a picture as a PNG.
///
/// # Errors
/// The disk's.
pub fn write(path: &Path, picture: &Rgb) -> Result<()> {
    let broken = |error: png::EncodingError| match error {
        png::EncodingError::IoError(error) => error, // names the file
        other => std::io::Error::other(format!("{}: {other}", path.display())),
    };
    atomic::write(path, |file| {
        let (width, height) = (picture.width as u32, picture.height as u32);
        let mut encoder = png::Encoder::new(file, width, height);
        encoder.set_color(png::ColorType::Rgb);
        encoder.set_depth(png::BitDepth::Eight);
        encoder.set_compression(png::Compression::Fast);
        let mut writer = encoder.write_header().map_err(broken)?;
        writer.write_image_data(&picture.data).map_err(broken)?;
        Ok(writer.finish().map_err(broken)?)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn white(width: usize) -> Rgb {
        Rgb {
            width,
            height: 1,
            data: vec![255; 3 * width],
        }
    }

    #[test]
    fn negative_is_left_and_strong_is_dark_red() {
        let drawn = draw(&white(5), &[-5.0, 0.0, 1.0, 2.0, 9.0], (1, 5), 2.0);
        assert_eq!(drawn.data[..6], [255; 6]);
        // The third pixel has half strength: red 1 − 0.45 · 2/7 with opacity 0.75 over white.
        let half = 0.75 * (1.0 - 0.9 / 7.0) * 255.0 + 0.25 * 255.0;
        assert_eq!(drawn.data[6], f64::round(half) as u8);
        // Full strength and above: red 0.75 · 0.55 · 255 + 0.25 · 255, green and blue 0.25 · 255.
        assert_eq!(drawn.data[9..], [169, 64, 64, 169, 64, 64]);
    }

    #[test]
    fn a_map_is_stretched_over_the_whole_image() {
        let drawn = draw(&white(4), &[0.0, 8.0], (1, 2), 8.0);
        // 0, 2, 6 and 8 after interpolation: ever redder.
        let green: Vec<u8> = drawn.data.iter().skip(1).step_by(3).copied().collect();
        assert!(
            green[0] == 255 && green.is_sorted_by(|a, b| a > b),
            "{green:?}"
        );
    }

    #[test]
    fn full_colour_is_a_quantile_of_what_is_positive() {
        let grid = |width| Grid { height: 1, width };
        assert_eq!(full(&[-1.0, 0.0], (1, 2), grid(2)), None);
        assert_eq!(full(&[-1.0, 3.0], (1, 2), grid(2)), Some(3.0));
        // numpy.percentile([1, 2, 3, 4], 99.5)
        let found = full(&[4.0, -9.0, 1.0, 3.0, 2.0], (1, 5), grid(5));
        assert!(
            found.is_some_and(|found| (found - 3.985).abs() < 1e-9),
            "{found:?}"
        );
    }
}
