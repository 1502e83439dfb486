//! Finds recipe files: those of the repository by name, others by path.

use std::path::{Path, PathBuf};

use anyhow::{Result, bail};
use fs_err as fs;

use crate::system::paths;

/// The file of a recipe: `recipes/<name>.toml` under `root`, or, where `name` ends in `.toml`, that file; a
/// relative path is taken from `folder`.
///
/// # Errors
/// When there is no such file.
pub(crate) fn find(root: &Path, folder: &Path, name: &str) -> Result<PathBuf> {
    let path = match name.ends_with(".toml") {
        true => folder.join(name),
        false => root.join("recipes").join(format!("{name}.toml")),
    };
    if !path.is_file() {
        bail!(
            "found no file {}, expected one of {}, or a .toml file",
            paths::shown(&path),
            available(&root.join("recipes"))?.join(", ")
        );
    }
    Ok(path)
}

/// The names of the recipes in `folder`, sorted.
pub(crate) fn available(folder: &Path) -> Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|found| found == "toml") {
            let stem = path.file_stem().map(|stem| stem.to_string_lossy());
            names.extend(stem.map(|stem| stem.into_owned()));
        }
    }
    names.sort();
    Ok(names)
}
