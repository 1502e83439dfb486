//! Reads and writes predictions: the logits of a split, one for each image and class. They come from our
//! trainer's `predictions.parquet` or from any other tool's file with the columns image_id, class_id and
//! logit.
//!
//! `cells` reads a whole file for scoring. It uses `rows`, which reads the file batch by batch and checks that it
//! belongs to the maps (`Belonging` is the run, checkpoint, split and precision that it must be of;
//! `Missing` says what to do about absent images). `fingerprint` hashes the logits, `write` writes them
//! into the folder of the evaluation, the tables that `evaluator score` makes.

mod cells;
mod fingerprint;
mod rows;
mod table;
mod write;

pub use cells::{Missing, Predictions, read};
pub(crate) use fingerprint::fingerprint;
pub(crate) use rows::{Belonging, Rows, labels_of};
pub use table::PREDICTIONS;
pub(crate) use write::write;
