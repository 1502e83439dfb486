//! Turns image files into pixels at the network's size, exactly as Pillow does: `decode` (JPEG and PNG)
//! gives a `raster`, `resize` brings it to the grid.

pub mod decode;
mod jpeg;
pub mod png;
pub mod raster;
pub mod resize;
mod vectorised;
