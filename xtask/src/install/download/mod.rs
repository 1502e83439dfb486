//! `cargo xtask download DATASET`: downloads a data set's official archives (`fetch`), unpacks them
//! (`archive`) and checks that they are complete (`datasets`), part by part. (A part is a folder of the data set,
//! such as the training images.) A part's folder appears whole or not at all, and a finished part is left alone, so
//! that the same command continues a stopped download.

mod archive;
mod command;
mod datasets;
mod fetch;
#[cfg(test)]
mod tests;

pub(crate) use command::{Args, run};
