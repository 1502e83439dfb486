//! Defines a finished figure: its SVG, its caption, and its pictures, which the PNG needs separately.

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
    /// The same pictures decoded, because the renderer of the PNG cannot decode those in the SVG.
    pub pictures: Vec<Inset>,
}

/// A picture in a figure.
#[derive(Debug, Clone)]
pub struct Inset {
    /// Its upper left corner, in pixels of the figure.
    pub at: (f64, f64),
    /// Width and height in pixels of the figure, to which the picture is scaled.
    pub size: (f64, f64),
    /// The picture.
    pub picture: Picture,
}
