//! Turns image files into pixels at the network's input size, exactly as Pillow does: `decode` (JPEG and
//! PNG) makes a `raster`, the decoded image, and `resize` resizes it.

pub mod decode;
mod jpeg;
pub mod orientation;
mod other;
pub mod png;
pub mod raster;
pub mod resize;
mod vectorised;
