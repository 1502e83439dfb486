//! Opens a data folder for the later stages: images with their annotated objects, pixels, and the masks of
//! an image's classes on the grid (the network's input, in pixels).
//!
//! `open` reads and checks the tables, `folder` defines what they give. `reversed` changes the data set to the
//! reversed task, in which Waterbirds' background is classified instead of the bird; `task` names the tasks.
//! `labels` says whether an image may show several classes. Elsewhere, `convert` makes such a folder,
//! `mask::geometry` turns boxes into masks, and `mask::rle` run lengths.

mod folder;
mod labels;
mod open;
mod reversed;
mod task;

pub use crate::source::split::Split;
pub use folder::{Dataset, Image, Object};
pub use labels::Labels;
pub use task::Task;
