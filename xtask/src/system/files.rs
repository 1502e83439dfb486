//! Helps with files: writes small files whole or not at all, reads TOML with errors that name the file, makes
//! written files survive a power cut, and checks the names of archive entries.

use std::io::Write;
use std::path::{Component, Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, anyhow, bail};
use fs_err as fs;
use serde::de::DeserializeOwned;

use crate::system::{paths, process};

/// Writes `text` into `file`, whole or not at all, and makes its folder where that is missing.
pub(crate) fn write(file: &Path, text: &str) -> Result<()> {
    let folder = file.parent().unwrap_or(Path::new("."));
    make_folder(folder)?;
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
    flush_folder(file);
    Ok(())
}

/// Makes `folder` and its parents where they are missing, and flushes them, so that they survive a power cut.
pub(crate) fn make_folder(folder: &Path) -> Result<()> {
    let is_missing = |path: &&Path| !path.as_os_str().is_empty() && !path.is_dir();
    let missing: Vec<&Path> = folder.ancestors().take_while(is_missing).collect();
    fs::create_dir_all(folder)?;
    missing.into_iter().for_each(flush_folder);
    Ok(())
}

/// Renames a complete and flushed file or folder to `to`, so that the new name survives a power cut.
pub(crate) fn rename(from: &Path, to: &Path) -> Result<()> {
    fs::rename(from, to)?;
    flush_folder(to);
    Ok(())
}

/// Flushes the folder that `path` is in, so that a new name in it is on disk. Does nothing where a
/// folder cannot be flushed.
fn flush_folder(path: &Path) {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let _ = fs::File::open(folder).and_then(|folder| folder.sync_all());
}

/// Flushes everything below `folder`, perhaps thousands of files, by flushing its file system with the
/// program `sync`. Flushing the files one by one would take as long as writing them.
pub(crate) fn flush_all(folder: &Path) -> Result<()> {
    let mut sync = Command::new("sync");
    let what = format!("flushing {}", paths::shown(folder));
    process::capture(sync.arg("-f").arg(folder), &what).map(|_| ())
}

/// Reads and parses `file`.
///
/// # Errors
/// One line that names the file, the line in it and what the parser found.
pub(crate) fn read_toml<T: DeserializeOwned>(file: &Path) -> Result<T> {
    let text = fs::read_to_string(file)?;
    toml::from_str(&text).map_err(|error| {
        let before = error.span().and_then(|span| text.get(..span.start));
        let line = before.unwrap_or_default().matches('\n').count() + 1;
        let found = error.message().replace('\n', ", ");
        anyhow!("{}: line {line}: {found}", paths::shown(file))
    })
}

/// The name of an archive's entry as a relative path, which stays inside the folder that it is joined to.
///
/// # Errors
/// A name with a root, "..", a backslash, a zero byte, or bytes that are not UTF-8.
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

/// An entry's name for a message.
pub(crate) fn shown(name: &[u8]) -> String {
    String::from_utf8_lossy(name).escape_debug().to_string()
}
