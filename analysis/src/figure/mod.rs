//! The figures: EPG against F1, over all test images and by group, and the training curves. Each is
//! drawn once as SVG ([`svg`], [`axis`], [`style`]); the PNG is that SVG in pixels ([`raster`]).

pub mod axis;
pub mod pareto;
pub mod raster;
pub mod style;
pub mod svg;
pub mod training;

use crate::comparison::Setting;
use crate::load::Results;

/// A finished figure.
#[derive(Debug, Clone)]
pub struct Figure {
    /// File name without extension.
    pub name: &'static str,
    /// The picture.
    pub svg: String,
    /// What it shows, one paragraph of plain text.
    pub caption: String,
}

/// All figures there is something to draw for.
pub fn all(results: &Results, settings: &[Setting]) -> Vec<Figure> {
    [
        pareto::overall(results, settings),
        pareto::by_group(results, settings),
        training::curves(results, settings),
    ]
    .into_iter()
    .flatten()
    .collect()
}
