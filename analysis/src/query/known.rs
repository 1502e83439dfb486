//! Checks that a column, metric or value that the user typed for `analysis query` exists, and makes the errors of
//! queries.

use std::collections::BTreeSet;
use std::path::Path;

use polars::prelude::*;

use crate::{Error, Result};

/// Refuses a name that is not among `names`; the error lists them. `option` is the one it was given to.
pub(super) fn known(option: &str, name: &str, names: &[String]) -> Result<()> {
    match names.iter().any(|known| known == name) {
        true => Ok(()),
        false => Err(Error::Query {
            option: option.to_owned(),
            found: name.to_owned(),
            expected: format!("one of {}", names.join(", ")),
        }),
    }
}

/// The texts in a column, each once, sorted.
pub(super) fn values_of(column: &StringChunked) -> Vec<String> {
    let values: BTreeSet<&str> = column.iter().flatten().collect();
    values.into_iter().map(str::to_owned).collect()
}

/// Turns an error of Polars into one of this crate.
pub(super) fn failed() -> impl FnOnce(PolarsError) -> Error {
    Error::polars(Path::new("query"))
}
