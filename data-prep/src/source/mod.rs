//! Reads data sets, those of other people and the embedded one: one reader for each format. `entry` defines a
//! format's entry, `list` has all formats, `record` defines the records that a reader yields, `naming` decides
//! a data set's name, `credit` what it says of where it is from. `convert` decodes the image files.

mod arrange;
pub mod coco;
pub(crate) mod copies;
pub mod credit;
mod division;
pub mod entry;
mod files;
mod finding;
mod groups;
mod list;
mod names;
pub mod naming;
pub mod photos;
mod recognise;
pub mod record;
pub mod scenes;
pub mod split;
pub mod table;
mod tabular;
pub mod voc;
pub mod waterbirds;
mod yaml;
pub mod yolo;

pub use arrange::Arrangement;
pub use list::{SOURCES, credit as published_credit, datasets, naming};
pub use recognise::Read;
