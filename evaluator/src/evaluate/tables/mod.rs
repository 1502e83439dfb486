//! The tables of an evaluation: their columns, and their writing.

mod columns;
mod schema;
mod write;

pub(crate) use columns::{cell, f64s, i32s, texts_or_null};
pub use schema::{EXAMPLES, IOU, METRICS, PAIRED, REPLICATES, SCORES};
pub(crate) use write::Tables;
