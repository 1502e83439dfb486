//! A data folder as the later stages see it: images with their objects, pixels, and the masks of an
//! image's classes on the network's grid.
//!
//! `open` reads and checks the tables, `folder` is what they hold, `reversed` the same data asked
//! another question (`task`). Making such a folder is `convert`'s; how boxes become cells is
//! `mask::geometry`'s and how run lengths do is `mask::rle`'s.

mod folder;
mod open;
mod reversed;
mod task;

pub use crate::source::split::Split;
pub use folder::{Dataset, Image, Object};
pub use task::Task;
