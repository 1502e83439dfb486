//! Image files to pixels at the network's size, exactly as Pillow makes them: `decode` (JPEG and PNG)
//! gives a `raster`, `resize` brings it to the grid. Which files there are is a source's business.

pub mod decode;
mod jpeg;
pub mod png;
pub mod raster;
pub mod resize;
mod vectorised;
