//! Reads the user's own tables (CSV or Parquet) in which a row is an object with a box, or a class of an image.
//! `columns` recognises the columns by their usual names, `layout` finds tables and images, `masks` reads mask files,
//! `rows` makes the records. `entry` has the options of the command line.

mod columns;
mod entry;
mod layout;
mod masks;
mod rows;

pub use entry::{Table, Tables};
pub(super) use layout::tables;
