//! A finished figure.

use crate::render::colormap::Picture;

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
    pub pictures: Vec<Inset>,
}

/// A picture in a figure.
#[derive(Debug, Clone)]
pub struct Inset {
    /// Its upper left corner.
    pub at: (f64, f64),
    /// Width and height there.
    pub size: (f64, f64),
    /// The picture.
    pub picture: Picture,
}
