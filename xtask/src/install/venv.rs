//! Python environments in the repository, each made from a list of packages, and made again when the
//! list or the interpreter changes. The tasks have the lists.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Result;
use fs_err as fs;

use crate::install::pip;
use crate::system::{files, paths, process};

/// The interpreter of the environment `name`, with the packages that `requirements` lists; both are
/// relative to the repository.
///
/// The user's pip installs the packages, because a Python without `ensurepip`, as Debian's, has no
/// other pip.
pub(crate) fn ensure(name: &str, requirements: &str) -> Result<PathBuf> {
    make(name, requirements, &[], |_| Ok(()))
}

/// [`ensure`], where the list is all there is to install; `finish` is given the packages' folder.
pub(crate) fn ensure_listed(
    name: &str,
    requirements: &str,
    finish: impl FnOnce(&Path) -> Result<()>,
) -> Result<PathBuf> {
    make(name, requirements, &["--no-deps"], finish)
}

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
    // Neither would go into a folder: pip refuses it beside --user, and the prefix is another place.
    install.env("PIP_USER", "0").env_remove("PIP_PREFIX");
    process::capture(&mut install, &format!("installing {requirements}"))
        .map_err(|error| pip::hint(error, WITHOUT_NETWORK))?;
    finish(Path::new(packages.trim_end()))?;
    files::write(&stamp, &wanted)?;
    Ok(python)
}

const WITHOUT_NETWORK: &str = "the package index must be reachable (a mirror: PIP_INDEX_URL or \
    PIP_FIND_LINKS), and Python 3.11 or later";

/// An environment whose Python was removed or replaced does not.
fn starts(python: &Path) -> bool {
    let mut command = Command::new(python);
    command.args(["-c", ""]);
    command.output().is_ok_and(|output| output.status.success())
}
