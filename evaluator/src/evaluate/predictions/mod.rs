//! Logits of a split, one per image and class, from our trainer's `predictions.parquet` or any other
//! tool's file with image_id, class_id and logit.

mod cells;
mod fingerprint;
mod rows;
mod table;
mod write;

pub use cells::{Missing, Predictions, read};
pub(crate) use fingerprint::fingerprint;
pub(crate) use rows::{Belonging, Rows};
pub use table::PREDICTIONS;
pub(crate) use write::write;
