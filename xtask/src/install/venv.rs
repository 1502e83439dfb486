//! Makes Python environments in the repository for the tests and benchmarks, each from a list of packages.
//! An environment is made again when its list changes or its interpreter no longer starts.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Result;
use fs_err as fs;

use crate::install::pip;
use crate::system::{files, paths, process};

/// Returns the interpreter of the environment `name`, with the packages that the file `requirements` lists
/// and those that they depend on; makes it unless it is there. Both paths are relative to the repository.
///
/// The user's pip installs the packages, because Debian's Python has no `ensurepip` to put a pip into the
/// environment.
pub(crate) fn ensure(name: &str, requirements: &str) -> Result<PathBuf> {
    make(name, requirements, &[], |_| Ok(()))
}

/// Like [`ensure`], but installs only the packages in the list, not those that they depend on. `finish` is
/// called with the folder of the packages before the environment counts as complete.
pub(crate) fn ensure_listed(
    name: &str,
    requirements: &str,
    finish: impl FnOnce(&Path) -> Result<()>,
) -> Result<PathBuf> {
    make(name, requirements, &["--no-deps"], finish)
}

/// Makes the environment unless it is there; `options` are further options of `pip install`, and `finish` is as
/// in [`ensure_listed`].
fn make(
    name: &str,
    requirements: &str,
    options: &[&str],
    finish: impl FnOnce(&Path) -> Result<()>,
) -> Result<PathBuf> {
    let list = paths::root().join(requirements);
    let environment = paths::root().join(name);
    let python = environment.join("bin/python");
    // Written last: an environment without this file is incomplete.
    let stamp = environment.join("requirements.sha256");
    let wanted = pip::sha256(&list)?;
    if starts(&python) && fs::read_to_string(&stamp).is_ok_and(|found| found == wanted) {
        return Ok(python);
    }
    let users = pip::python()?;
    eprintln!("installing {requirements} into {name}");
    let mut make = Command::new(&users);
    make.args(["-m", "venv", "--clear", "--without-pip"])
        .arg(&environment);
    process::capture(&mut make, &format!("making {name}"))
        .map_err(|error| pip::hint(error, pip::INSTALL_PYTHON))?;
    let mut ask = Command::new(&python);
    ask.args([
        "-c",
        "import sysconfig; print(sysconfig.get_path('purelib'))",
    ]);
    let packages = process::capture(&mut ask, &format!("asking {name} for its folder"))?;
    let mut install = Command::new(&users);
    install
        .args([
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
            "--no-input",
        ])
        .args(options)
        .args([
            "--only-binary=:all:",
            "--target",
            packages.trim_end(),
            "--requirement",
        ])
        .arg(&list);
    // The user's pip may be configured for --user, which pip refuses together with --target, or for a prefix,
    // which is another place.
    install.env("PIP_USER", "0").env_remove("PIP_PREFIX");
    process::capture(&mut install, &format!("installing {requirements}"))
        .map_err(|error| pip::hint(error, WITHOUT_NETWORK))?;
    finish(Path::new(packages.trim_end()))?;
    files::write(&stamp, &wanted)?;
    Ok(python)
}

/// The hint where packages cannot be installed.
const WITHOUT_NETWORK: &str = "the package index must be reachable (a mirror: PIP_INDEX_URL or \
    PIP_FIND_LINKS), and Python 3.11 or later";

/// Whether the environment's interpreter starts. It does not if the Python that it was made with was removed.
fn starts(python: &Path) -> bool {
    let mut command = Command::new(python);
    command.args(["-c", ""]);
    command.output().is_ok_and(|output| output.status.success())
}
