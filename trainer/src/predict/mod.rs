//! `trainer predict`: the logits and attribution maps of images that have no annotations, from their files to tables
//! and pictures (docs/SPEC.md K).

// The command's options.
pub mod arguments;
// The command: batches through the network.
mod command;
// Files to batches, maps to pictures.
mod files;
// The network's classes and input size.
mod head;
// Names of pictures that every file system takes.
mod names;
// The folder of results.
mod output;
// An image with a map over it.
mod overlay;
// The table of predictions.
mod table;

pub use arguments::Arguments;
pub use command::{Outcome, predict};
