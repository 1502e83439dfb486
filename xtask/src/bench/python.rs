//! The Python packages data-prep is measured against, and the scripts that use them.

use std::path::PathBuf;

use anyhow::Result;

use crate::{paths, venv};

/// Where the list of packages and the scripts are.
const FOLDER: &str = "tests/python/bench";

/// The interpreter that has the packages.
pub(super) fn ensure() -> Result<PathBuf> {
    venv::ensure(".venv-bench", &format!("{FOLDER}/requirements.txt"))
}

/// A script of the benchmarks.
pub(super) fn script(name: &str) -> PathBuf {
    paths::root().join(FOLDER).join(name)
}
