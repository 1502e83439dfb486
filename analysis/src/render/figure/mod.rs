//! How figures are drawn: panels of points and lines ([`grid`]), attribution maps beside each other
//! ([`maps`]). Each is drawn once as SVG ([`svg`], [`axis`], [`style`]); the PNG is that SVG in pixels
//! ([`raster`]). Which figures there are is said elsewhere ([`crate::exhibit`]).

pub mod axis;
pub mod drawing;
pub mod grid;
mod legend;
pub mod maps;
pub mod raster;
pub mod style;
pub mod svg;
pub mod training;
