//! A figure's SVG in pixels. The font is inside the program, so that labels appear on machines
//! without fonts and look the same everywhere.

use std::sync::Arc;

use resvg::tiny_skia::{Pixmap, Transform};
use resvg::usvg::fontdb::Database;
use resvg::usvg::{Options, Tree};

use super::Figure;
use crate::{Error, Result};

/// Pixels of the PNG for each of the SVG: about 290 dots an inch at the printed size.
const SCALE: f32 = 3.0;
/// The longest side of a PNG.
const LARGEST: f32 = 12_000.0;

/// The figure as a PNG file's bytes.
///
/// # Errors
/// [`Error::Raster`] when the SVG cannot be parsed or is too large.
pub fn png(figure: &Figure) -> Result<Vec<u8>> {
    let failed = |reason: String| Error::Raster {
        figure: figure.name.to_owned(),
        reason,
    };
    let mut fonts = Database::new();
    for font in [notosans::REGULAR_TTF, notosans::BOLD_TTF] {
        fonts.load_font_data(font.to_vec());
    }
    fonts.set_sans_serif_family("Noto Sans");
    let options = Options {
        fontdb: Arc::new(fonts),
        font_family: "Noto Sans".to_owned(),
        ..Options::default()
    };
    let tree = Tree::from_str(&figure.svg, &options).map_err(|error| failed(error.to_string()))?;
    let size = tree.size();
    let scale = SCALE.min(LARGEST / size.width().max(size.height()));
    let (width, height) = (size.width() * scale, size.height() * scale);
    let mut pixels = Pixmap::new(width.round() as u32, height.round() as u32)
        .ok_or_else(|| failed(format!("{width} × {height} pixels")))?;
    resvg::render(
        &tree,
        Transform::from_scale(scale, scale),
        &mut pixels.as_mut(),
    );
    pixels
        .encode_png()
        .map_err(|error| failed(error.to_string()))
}
