//! Where on an image objects are: boxes and masks on the network's grid (`geometry`), shapes as run
//! lengths (`rle`) and as polygons (`polygon`). Pixels and files are known elsewhere.

pub mod geometry;
pub mod polygon;
pub mod rle;
