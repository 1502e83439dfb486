//! A data folder as the later stages see it: images with their objects, pixels, and the masks of an
//! image's classes on the network's grid.
//!
//! `open` reads and checks the tables, `folder` has their contents, `reversed` shows the same data for
//! the reversed task (`task`). `convert` makes such a folder; `mask::geometry` turns boxes into cells,
//! `mask::rle` turns run lengths into cells.

mod folder;
mod open;
mod reversed;
mod task;

pub use crate::source::split::Split;
pub use folder::{Dataset, Image, Object};
pub use task::Task;
