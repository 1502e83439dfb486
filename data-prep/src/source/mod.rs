//! Reads data sets, those of other people and the embedded one: one reader for each format. `entry` defines a
//! format's entry, `list` has all formats, `record` defines the records that a reader yields, `naming` decides
//! a data set's name. `convert` opens the image files.

pub mod coco;
pub mod entry;
mod list;
pub mod naming;
pub mod record;
pub mod scenes;
pub mod split;
pub mod voc;
pub mod waterbirds;

pub use list::{SOURCES, datasets, naming};
