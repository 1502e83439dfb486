//! Data sets of other people to records: one reader for each format. `entry` is what a format says of
//! itself, `list` the formats there are, `record` what a reader yields, `naming` what a data set is
//! called. Image files are opened by `convert`.

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
