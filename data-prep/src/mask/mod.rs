//! Masks of objects: boxes and masks on the network's grid (`geometry`), shapes as run lengths (`rle`)
//! and as polygons (`polygon`).

pub mod geometry;
pub mod polygon;
pub mod rle;
