//! Explanations: attribution methods, the maps of a split, and the streams and tables of them.

pub mod attribution;
pub mod colour;
pub mod explanations;
pub mod gradients;
pub mod grid_pointing_game;
pub mod methods;
pub mod predictions;
pub mod stream;
