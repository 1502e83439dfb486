//! The Python packages data-prep is measured against: an environment in the repository, made once
//! and again when the list changes.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};
use fs_err as fs;

use crate::{paths, pip, process};

/// Where the list of packages and the scripts are.
pub(super) const FOLDER: &str = "tests/python/bench";

/// Where the packages go.
const ENVIRONMENT: &str = ".venv-bench";

/// The interpreter that has the packages.
pub(super) fn ensure() -> Result<PathBuf> {
    let requirements = paths::root().join(FOLDER).join("requirements.txt");
    let environment = paths::root().join(ENVIRONMENT);
    let python = environment.join("bin/python");
    // Written last: an environment without it is half made.
    let stamp = environment.join("requirements.sha256");
    let wanted = pip::sha256(&requirements)?;
    if python.exists() && fs::read_to_string(&stamp).is_ok_and(|found| found == wanted) {
        return Ok(python);
    }
    eprintln!("installing {FOLDER}/requirements.txt into {ENVIRONMENT}");
    process::capture(
        Command::new(pip::python()?)
            .args(["-m", "venv", "--clear"])
            .arg(&environment),
        "making the Python environment of the benchmarks",
    )
    .map_err(|error| pip::hint(error, pip::INSTALL_PYTHON))?;
    process::capture(
        Command::new(&python)
            .args(["-m", "pip", "install", "--quiet"])
            .args(["--disable-pip-version-check", "--only-binary=:all:"])
            .arg("--requirement")
            .arg(&requirements),
        "installing the Python packages of the benchmarks",
    )?;
    fs::write(&stamp, wanted).with_context(|| stamp.display().to_string())?;
    Ok(python)
}

/// A script of the benchmarks.
pub(super) fn script(name: &str) -> PathBuf {
    paths::root().join(FOLDER).join(name)
}
