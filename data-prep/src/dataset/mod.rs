//! Opens a data folder for the later stages: images with their annotated objects, pixels, and the masks of
//! an image's classes on the grid (the network's input, in pixels).
//!
//! `open` reads and checks the tables, `folder` defines what they give, `reversed` shows the same data for
//! the reversed task (`task`); `labels` says how many classes an image may show. `convert` makes such a folder. `mask::geometry` turns boxes into masks,
//! `mask::rle` run lengths.

mod folder;
mod labels;
mod open;
mod reversed;
mod task;

pub use crate::source::split::Split;
pub use folder::{Dataset, Image, Object};
pub use labels::Labels;
pub use task::Task;
