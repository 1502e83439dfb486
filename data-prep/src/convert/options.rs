//! The options of a conversion: what to make of a source, and what to do with its broken items.

use std::path::PathBuf;

use crate::error::{Problem, Result};
use crate::mask::geometry::Grid;
use crate::source::split::Split;
use crate::store::tables::Former;

/// What to do with a broken image or annotation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum OnError {
    /// Stop; the output folder stays without a data set.
    #[default]
    Fail,
    /// Leave the item out and list it in `skipped.parquet`.
    Skip,
}

/// At most `count` images of a split: those with the smallest SHA-256 of `0:<image id>`, so the
/// choice depends on nothing but the ids (seed 0), and a smaller limit takes a part of a larger one's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit {
    /// The split.
    pub split: Split,
    /// Images kept.
    pub count: usize,
}

/// The options of a conversion.
#[derive(Debug, Clone)]
pub struct Options {
    /// The data folder.
    pub out: PathBuf,
    /// The images' size.
    pub grid: Grid,
    /// Images per split, where not all.
    pub limits: Vec<Limit>,
    /// What to do with a broken item.
    pub on_error: OnError,
    /// Threads that decode and resize.
    pub threads: usize,
    /// What to do with a data folder made from other inputs.
    pub former: Former,
}

/// Fails with the first problem, with [`OnError::Fail`].
pub(super) fn stop_at_first(on_error: OnError, problems: &[Problem]) -> Result<()> {
    match (on_error, problems) {
        (OnError::Fail, [first, ..]) => Err(first.clone().into()),
        _ => Ok(()),
    }
}
