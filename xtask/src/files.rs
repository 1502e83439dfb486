//! Small files of the out folder: written whole or not at all, read with errors that name them; and the
//! names that archives give to files.

use std::io::Write;
use std::path::{Component, Path, PathBuf};

use anyhow::{Context, Result, bail};
use fs_err as fs;
use serde::de::DeserializeOwned;

use crate::paths;

/// Writes `text` into `file`, whose folder is made where it is missing.
pub(crate) fn write(file: &Path, text: &str) -> Result<()> {
    let folder = file.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder)?;
    let mut builder = tempfile::Builder::new();
    #[cfg(unix)]
    {
        // A temporary file is private by default; this one becomes an ordinary file (less umask).
        use std::os::unix::fs::PermissionsExt;
        builder.permissions(std::fs::Permissions::from_mode(0o666));
    }
    let write = || {
        let mut temporary = builder.tempfile_in(folder)?;
        let to = temporary.as_file_mut();
        to.write_all(text.as_bytes())?;
        to.sync_all()?;
        temporary.persist(file).map_err(|error| error.error)
    };
    write().with_context(|| format!("{}: could not be written", paths::shown(file)))?;
    Ok(())
}

/// Reads `file`.
pub(crate) fn read_toml<T: DeserializeOwned>(file: &Path) -> Result<T> {
    let text = fs::read_to_string(file)?;
    toml::from_str(&text).with_context(|| format!("{}: cannot be read", paths::shown(file)))
}

/// The name of an archive's entry as a path that stays inside the folder it is unpacked to.
///
/// # Errors
/// A root, "..", another system's separators, or bytes that are no text.
pub(crate) fn inside(name: &[u8]) -> Result<PathBuf> {
    let text = std::str::from_utf8(name)
        .ok()
        .filter(|text| !text.contains(['\\', '\0']));
    let Some(text) = text else {
        bail!("{}: expected a plain file name", shown(name));
    };
    let mut path = PathBuf::new();
    for component in Path::new(text).components() {
        match component {
            Component::Normal(part) => path.push(part),
            Component::CurDir => {}
            _ => bail!("{}: leads out of the archive's folder", shown(name)),
        }
    }
    Ok(path)
}

/// An entry's name in a message.
pub(crate) fn shown(name: &[u8]) -> String {
    String::from_utf8_lossy(name).escape_debug().to_string()
}
