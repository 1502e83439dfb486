//! Draws figures: panels of points and lines ([`grid`]), stacked bars of shares ([`bars`]), and attribution
//! maps beside each other ([`maps`]). Each is drawn as SVG ([`svg`], [`axis`], [`style`]); the PNG is rendered from
//! the SVG ([`raster`]). [`training`] has a run's training curves; the contents of all other figures come from
//! [`crate::exhibit`].

pub mod axis;
pub mod bars;
pub mod drawing;
pub mod grid;
mod legend;
pub mod maps;
pub mod raster;
pub mod style;
pub mod svg;
pub mod training;
