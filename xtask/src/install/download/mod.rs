//! `cargo xtask download DATASET`: a data set's official archives, brought (`fetch`), unpacked
//! (`archive`) and found complete (`datasets`) part by part. A part's folder appears whole or not at
//! all; what is there is left alone, so the same command goes on where it was broken off.

mod archive;
mod command;
mod datasets;
mod fetch;
#[cfg(test)]
mod tests;

pub(crate) use command::{Args, run};
