//! How figures are drawn: panels of points and lines ([`grid`]), attribution maps beside each other
//! ([`maps`]). Each is drawn once as SVG ([`svg`], [`axis`], [`style`]); the PNG is that SVG in pixels
//! ([`raster`]). Which figures there are is said elsewhere ([`crate::exhibit`]).

pub mod axis;
pub mod grid;
mod legend;
pub mod maps;
pub mod raster;
pub mod style;
pub mod svg;
pub mod training;

use crate::colormap::Picture;

/// A finished figure.
#[derive(Debug, Clone)]
pub struct Figure {
    /// File name without extension.
    pub name: String,
    /// The drawing, with its pictures.
    pub svg: String,
    /// What it shows, one paragraph of plain text.
    pub caption: String,
    /// Its pictures, once more, for the PNG.
    pub pictures: Vec<Placed>,
}

/// A picture in a figure.
#[derive(Debug, Clone)]
pub struct Placed {
    /// Its upper left corner.
    pub at: (f64, f64),
    /// Width and height there.
    pub size: (f64, f64),
    /// The picture.
    pub picture: Picture,
}
