//! Turns image files into pixels at the network's input size, as Pillow does: `decode` makes a `raster`, the
//! decoded image, with `jpeg`, `png`, or `other` (WebP, TIFF, BMP, GIF); `orientation` turns it where that is
//! asked for; `resize` resizes it. `vectorised` is a macro for their inner loops.

pub mod decode;
mod jpeg;
pub mod orientation;
mod other;
pub mod png;
pub mod raster;
pub mod resize;
mod vectorised;
