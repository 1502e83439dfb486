//! Reads data sets, published ones, the user's own, and the embedded one (drawn by `scenes`): one reader for each
//! format. `entry` defines what a format is, `list` has all formats, `recognise` tells a folder's format, `record`
//! defines the records that a reader returns, `naming` decides a data set's name, `credit` reads its licence and
//! citation, `arrange` makes groups and splits. The image files are decoded later, by `convert`.

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
