//! Makes a data folder of a source's records: `pipeline` decides what goes in and whether it is there
//! already, `decoding` turns the files into pixels.

mod decoding;
mod options;
mod pipeline;

pub use crate::store::tables::Former;
pub use options::{Limit, OnError, Options};
pub use pipeline::{Outcome, run};
