//! Small files of the out folder: written whole or not at all, read with errors that name them.

use std::io::Write;
use std::path::Path;

use anyhow::{Context, Result};
use fs_err as fs;
use serde::de::DeserializeOwned;

use crate::paths;

/// Writes `text` into `file`, whose folder is made where it is missing.
pub(crate) fn write(file: &Path, text: &str) -> Result<()> {
    let folder = file.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder)?;
    let mut temporary = tempfile::NamedTempFile::new_in(folder)?;
    temporary.write_all(text.as_bytes())?;
    temporary.as_file().sync_all()?;
    let persisted = temporary.persist(file);
    persisted.with_context(|| format!("{}: could not be written", paths::shown(file)))?;
    Ok(())
}

/// Reads `file`.
pub(crate) fn read_toml<T: DeserializeOwned>(file: &Path) -> Result<T> {
    let text = fs::read_to_string(file)?;
    toml::from_str(&text).with_context(|| format!("{}: cannot be read", paths::shown(file)))
}
