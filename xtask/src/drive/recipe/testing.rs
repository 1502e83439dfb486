//! Writes recipes into folders and reads them, for tests.

#![allow(clippy::unwrap_used)]

use std::path::Path;

use super::Experiment;
use crate::drive::vocabulary::{Vocabulary, recorded};
use crate::system::paths;

/// Writes files (path, text) into `folder` and reads the first of them as a recipe, whose names are checked against
/// `vocabulary`. Errors are without the folder's path.
pub(super) fn read_in(
    folder: &Path,
    files: &[(&str, &str)],
    vocabulary: &Vocabulary,
) -> Result<Experiment, String> {
    for (name, text) in files {
        let path = folder.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    let file = folder.join(files[0].0);
    let read = super::read(&paths::root(), file.to_str().unwrap(), Some(vocabulary));
    let folder = format!("{}/", folder.display());
    read.map_err(|error| format!("{error:#}").replace(&folder, ""))
}

/// The same in a new folder, with the names that the programs know.
pub(super) fn read_files(files: &[(&str, &str)]) -> Result<Experiment, String> {
    read_in(tempfile::tempdir().unwrap().path(), files, &recorded())
}

/// Reads a recipe `x.toml` of this text, in a new folder, with the names that the programs know.
pub(crate) fn read_text(text: &str) -> Result<Experiment, String> {
    read_files(&[("x.toml", text)])
}
