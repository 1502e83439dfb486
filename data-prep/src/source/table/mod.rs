//! Reads tables of boxes and of labels (CSV or Parquet), with columns as users call them. `columns`
//! recognises them, `layout` finds tables and images, `masks` reads mask files, `rows` makes records of the
//! rows.

mod columns;
mod entry;
mod layout;
mod masks;
mod rows;

pub use entry::{Table, Tables};
pub(super) use layout::tables;
