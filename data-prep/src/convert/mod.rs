//! From a source's records to a finished data folder: `pipeline` decides what goes in and whether it is
//! there already, `decoding` makes pixels of the files.

mod decoding;
mod options;
mod pipeline;

pub use crate::store::tables::Former;
pub use options::{Limit, OnError, Options};
pub use pipeline::{Outcome, run};
