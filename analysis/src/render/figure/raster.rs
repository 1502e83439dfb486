//! Renders a figure's SVG to PNG, and encodes pictures as PNG. The font is part of the program, so that
//! labels look the same on all machines, also on those without fonts.

use std::sync::Arc;

use resvg::tiny_skia::{ColorU8, FilterQuality, Pixmap, PixmapPaint, Transform};
use resvg::usvg::fontdb::Database;
use resvg::usvg::{Options, Tree};

use crate::render::colormap::Picture;
use crate::render::figure::drawing::{Figure, Inset};
use crate::{Error, Result};

/// Pixels of the PNG for each unit of the SVG. A unit is 1/96 inch, so this is 288 dots an inch.
const SCALE: f32 = 3.0;
/// The longest side of a PNG, in pixels. Larger figures are scaled down to bound the memory: 12,000 ×
/// 12,000 pixels take 576 MB.
const LARGEST: f32 = 12_000.0;

/// The figure as a PNG file's bytes.
///
/// # Errors
/// [`Error::Raster`] when the SVG cannot be parsed or is too large.
pub fn png(figure: &Figure) -> Result<Vec<u8>> {
    let failed = |reason: String| Error::Raster {
        figure: figure.name.clone(),
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
    let transform = Transform::from_scale(scale, scale);
    resvg::render(&tree, transform, &mut pixels.as_mut());
    // The renderer is built without image decoders, so pictures are drawn here. Nothing in a figure lies
    // above a picture, so it does no harm that they are drawn last.
    for inset in &figure.pictures {
        draw(&mut pixels, inset, scale)
            .ok_or_else(|| failed(format!("a picture of {:?} pixels", inset.picture.size())))?;
    }
    pixels
        .encode_png()
        .map_err(|error| failed(error.to_string()))
}

/// Draws one picture; `None` if it has no pixels.
fn draw(pixels: &mut Pixmap, inset: &Inset, scale: f32) -> Option<()> {
    let picture = pixmap(&inset.picture)?;
    let across = inset.size.0 as f32 / picture.width() as f32;
    let down = inset.size.1 as f32 / picture.height() as f32;
    let (x, y) = (inset.at.0 as f32, inset.at.1 as f32);
    let transform = Transform::from_row(across, 0.0, 0.0, down, x, y).post_scale(scale, scale);
    let paint = PixmapPaint {
        quality: FilterQuality::Bilinear,
        ..PixmapPaint::default()
    };
    pixels.draw_pixmap(0, 0, picture.as_ref(), &paint, transform, None);
    Some(())
}

/// A picture as a PNG file's bytes.
///
/// # Errors
/// [`Error::Raster`] when it has no pixels.
pub fn encode(picture: &Picture) -> Result<Vec<u8>> {
    let failed = |reason: String| Error::Raster {
        figure: format!("a picture of {:?} pixels", picture.size()),
        reason,
    };
    let pixels = pixmap(picture).ok_or_else(|| failed("it has none".to_owned()))?;
    pixels
        .encode_png()
        .map_err(|error| failed(error.to_string()))
}

/// The picture in the renderer's format; `None` if it has no pixels.
fn pixmap(picture: &Picture) -> Option<Pixmap> {
    let (width, height) = picture.size();
    let mut pixels = Pixmap::new(width as u32, height as u32)?;
    let colours = picture.rgb.chunks_exact(3);
    for (pixel, rgb) in pixels.pixels_mut().iter_mut().zip(colours) {
        *pixel = ColorU8::from_rgba(rgb[0], rgb[1], rgb[2], 255).premultiply();
    }
    Some(pixels)
}
