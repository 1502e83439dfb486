//! Declares the tables of an evaluation (one checkpoint's maps of one split, scored) and writes them.

mod columns;
mod gallery;
mod schema;
mod write;

pub(crate) use columns::{cell, f64s, i32s, texts_or_null};
pub use schema::{EXAMPLES, GALLERY, IOU, METRICS, PAIRED, REPLICATES, SCORES};
pub(crate) use write::Tables;
