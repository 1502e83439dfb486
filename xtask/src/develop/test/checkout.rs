//! Keeps the checks from running what was compiled of another checkout. Cargo takes a package's compiled parts for
//! fresh if they are newer than its files, also where they were compiled of a clone in another folder that shares the
//! target folder; they then look for fixtures in that clone, which may be gone.

use std::path::Path;

use anyhow::Result;
use fs_err as fs;

use super::checks::MEMBERS;
use crate::system::{files, paths, process};

/// The file in the target folder that names the checkout whose parts are there.
const CHECKOUT: &str = "checkout";

/// Removes the workspace's own compiled parts from the target folder where they may be of another checkout; those of
/// foreign packages stay.
pub(super) fn own_parts() -> Result<()> {
    let target = process::target()?;
    let root = paths::root();
    if is_of(&target, &root) {
        return Ok(());
    }
    let mut command = process::cargo();
    command.args(["clean", "--quiet"]);
    for (member, _) in MEMBERS {
        command.args(["--package", member]);
    }
    process::capture(&mut command, "removing what another checkout compiled")?;
    files::write(&target.join(CHECKOUT), &named(&root))
}

/// Whether the target folder's parts are of the checkout `root`.
fn is_of(target: &Path, root: &Path) -> bool {
    fs::read_to_string(target.join(CHECKOUT)).is_ok_and(|found| found == named(root))
}

/// The content of the file.
fn named(root: &Path) -> String {
    format!("{}\n", root.display())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn parts_are_of_the_checkout_that_the_file_names() {
        let target = tempfile::tempdir().unwrap();
        let (this, other) = (Path::new("/a/clone"), Path::new("/another/clone"));
        assert!(!is_of(target.path(), this));
        files::write(&target.path().join(CHECKOUT), &named(this)).unwrap();
        assert!(is_of(target.path(), this));
        assert!(!is_of(target.path(), other));
    }
}
