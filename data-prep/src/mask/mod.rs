//! Makes masks of objects: of boxes on the grid, the network's input in pixels (`geometry`), and of shapes
//! given as run lengths (`rle`) or polygons (`polygon`).

pub mod geometry;
pub mod polygon;
pub mod rle;
