//! `cargo xtask download DATASET`: downloads a data set's official archives (`fetch`), unpacks them
//! (`archive`) and checks that they are complete (`datasets`), part by part. A part's folder appears
//! whole or not at all, and a finished part is left alone, so the same command goes on where it was
//! stopped.

mod archive;
mod command;
mod datasets;
mod fetch;
#[cfg(test)]
mod tests;

pub(crate) use command::{Args, run};
