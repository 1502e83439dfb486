//! The Python environment of the tests that read our files with other people's packages: made from
//! `tests/python/requirements.txt` in `.venv-test`, once, and again when the list changes.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};
use fs_err as fs;

use crate::{paths, pip, process};

/// The interpreter with the packages; None where the repository has no Python tests.
pub(super) fn ensure() -> Result<Option<PathBuf>> {
    let requirements = paths::root().join("tests/python/requirements.txt");
    if !requirements.is_file() {
        return Ok(None);
    }
    let environment = paths::root().join(".venv-test");
    let python = environment.join("bin/python");
    // Written last: an environment without it is half made.
    let stamp = environment.join("requirements.sha256");
    let wanted = pip::sha256(&requirements)?;
    if python.exists() && fs::read_to_string(&stamp).is_ok_and(|found| found == wanted) {
        return Ok(Some(python));
    }
    eprintln!("installing tests/python/requirements.txt into .venv-test");
    process::capture(
        Command::new(pip::python()?)
            .args(["-m", "venv", "--clear"])
            .arg(&environment),
        "making the Python environment of the tests",
    )
    .map_err(|error| pip::hint(error, pip::INSTALL_PYTHON))?;
    process::capture(
        Command::new(&python)
            .args([
                "-m",
                "pip",
                "install",
                "--quiet",
                "--disable-pip-version-check",
            ])
            .args(["--only-binary=:all:", "--requirement"])
            .arg(&requirements),
        "installing the Python packages of the tests",
    )?;
    fs::write(&stamp, wanted).with_context(|| stamp.display().to_string())?;
    Ok(Some(python))
}
