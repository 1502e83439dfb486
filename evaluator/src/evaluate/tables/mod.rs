//! Declares the tables of an evaluation and writes them.

mod columns;
mod schema;
mod write;

pub(crate) use columns::{cell, f64s, i32s, texts_or_null};
pub use schema::{EXAMPLES, IOU, METRICS, PAIRED, REPLICATES, SCORES};
pub(crate) use write::Tables;
