//! Finds the Python scripts of the benchmarks, and sets up the interpreters with the packages that they
//! compare with.

use std::path::PathBuf;

use anyhow::Result;

use crate::install::venv;
use crate::system::paths;

/// The folder of the scripts and of their lists of packages.
const FOLDER: &str = "tests/python/bench";

/// The interpreter with the packages that data-prep is measured against; installs them if need be.
pub(super) fn ensure() -> Result<PathBuf> {
    venv::ensure(".venv-bench", &format!("{FOLDER}/requirements.txt"))
}

/// The interpreter with the packages that the paper's official code needs; installs them if need be.
pub(super) fn ensure_official() -> Result<PathBuf> {
    venv::ensure(".venv-official", &format!("{FOLDER}/official.txt"))
}

/// The interpreter with the packages that the evaluator is measured against; installs them if need be.
pub(super) fn ensure_metrics() -> Result<PathBuf> {
    venv::ensure(".venv-metrics", &format!("{FOLDER}/metrics.txt"))
}

/// The path of a script of the benchmarks.
pub(super) fn script(name: &str) -> PathBuf {
    paths::root().join(FOLDER).join(name)
}
