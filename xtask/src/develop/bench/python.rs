//! The Python packages ours are measured against, and the scripts that use them.

use std::path::PathBuf;

use anyhow::Result;

use crate::install::venv;
use crate::system::paths;

/// Where the list of packages and the scripts are.
const FOLDER: &str = "tests/python/bench";

/// The interpreter that has what data-prep is measured against.
pub(super) fn ensure() -> Result<PathBuf> {
    venv::ensure(".venv-bench", &format!("{FOLDER}/requirements.txt"))
}

/// The interpreter that has what the official code needs.
pub(super) fn ensure_official() -> Result<PathBuf> {
    venv::ensure(".venv-official", &format!("{FOLDER}/official.txt"))
}

/// A script of the benchmarks.
pub(super) fn script(name: &str) -> PathBuf {
    paths::root().join(FOLDER).join(name)
}
