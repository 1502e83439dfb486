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
    first_of(root, &[place(root, folder, name)])
}

/// The file of a recipe that a collection in `folder` includes: `<name>.toml` in that folder, else as [`find`] has it.
///
/// # Errors
/// When there is no such file.
pub(super) fn find_included(root: &Path, folder: &Path, name: &str) -> Result<PathBuf> {
    let (beside, named) = (
        folder.join(format!("{name}.toml")),
        place(root, folder, name),
    );
    match name.ends_with(".toml") || beside == named {
        true => first_of(root, &[named]),
        false => first_of(root, &[beside, named]),
    }
}

/// Where [`find`] looks for the recipe `name`.
fn place(root: &Path, folder: &Path, name: &str) -> PathBuf {
    match name.ends_with(".toml") {
        true => folder.join(name),
        false => root.join("recipes").join(format!("{name}.toml")),
    }
}

/// The first of `places` where there is a file.
fn first_of(root: &Path, places: &[PathBuf]) -> Result<PathBuf> {
    if let Some(path) = places.iter().find(|path| path.is_file()) {
        return Ok(path.clone());
    }
    let shown: Vec<String> = places.iter().map(|path| paths::shown(path)).collect();
    bail!(
        "found no file {}, expected one of {}, or a .toml file",
        shown.join(" or "),
        available(&root.join("recipes"))?.join(", ")
    )
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
