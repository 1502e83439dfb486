//! Writes files so that each appears whole or not at all: under a temporary name in the same folder, flushed
//! to disk, renamed, and the folder flushed. Also encodes data frames as CSV, and as Parquet whose metadata have the
//! schema's name and version, the program and the hash of the input tables. [`crate::render::written`] decides
//! which files of earlier executions are removed.

use std::fs::TryLockError;
use std::io::{ErrorKind, Write};
use std::path::Path;

use polars::prelude::*;

use crate::load::schema::{INPUTS_KEY, PROGRAM_KEY, SCHEMA_KEY, VERSION_KEY};
use crate::{Error, Result};

/// Program and version, as written into every table and the report.
pub const PROGRAM: &str = concat!("analysis ", env!("CARGO_PKG_VERSION"));

/// How the names of temporary files begin and end. A random part stands between.
const PARTIAL: (&str, &str) = (".analysis-", ".partial");

/// A file to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct File {
    /// Its path within the folder written to.
    pub name: String,
    /// Its contents.
    pub bytes: Vec<u8>,
}

impl File {
    /// A file of that name and contents.
    pub fn new(name: impl Into<String>, bytes: impl Into<Vec<u8>>) -> Self {
        Self {
            name: name.into(),
            bytes: bytes.into(),
        }
    }
}

/// Writes one file.
///
/// # Errors
/// The operating system's; an older file at `path` is then unchanged.
pub fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    let naming =
        |error: std::io::Error| std::io::Error::other(format!("{}: {error}", path.display()));
    let folder = folder_of(path);
    create_folder(folder)?;
    let mut builder = tempfile::Builder::new();
    builder.prefix(PARTIAL.0).suffix(PARTIAL.1);
    #[cfg(unix)]
    {
        // A temporary file is private by default; this one becomes an ordinary file (less umask).
        use std::os::unix::fs::PermissionsExt;
        builder.permissions(std::fs::Permissions::from_mode(0o666));
    }
    let mut temporary = builder.tempfile_in(folder).map_err(naming)?;
    // Closing the file releases the lock, which tells `remove_leftovers` that it is no leftover. On a file system
    // without locks the file is written without one.
    let _ = temporary.as_file().try_lock();
    temporary.write_all(bytes).map_err(naming)?;
    temporary.as_file().sync_all().map_err(naming)?;
    temporary
        .persist(path)
        .map_err(|error| naming(error.error))?;
    flush_folder(folder);
    Ok(())
}

/// Removes one file and flushes its folder, so that the file does not come back after a power cut.
///
/// # Errors
/// The operating system's.
pub(crate) fn remove(path: &Path) -> Result<()> {
    fs_err::remove_file(path)?;
    flush_folder(folder_of(path));
    Ok(())
}

/// Removes the temporary files that killed programs have left in `folder`; not those that a program is writing. A
/// folder that does not exist is no error.
///
/// # Errors
/// The operating system's.
pub(crate) fn remove_leftovers(folder: &Path) -> Result<()> {
    if !folder.is_dir() {
        return Ok(());
    }
    for entry in fs_err::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        let is_partial = name.starts_with(PARTIAL.0) && name.ends_with(PARTIAL.1);
        if !is_partial || is_being_written(&entry.path()) {
            continue;
        }
        match fs_err::remove_file(entry.path()) {
            Err(error) if error.kind() == ErrorKind::NotFound => {} // another program was faster
            removed => removed?,
        }
    }
    flush_folder(folder);
    Ok(())
}

/// Whether a program that is writing this temporary file holds its lock.
fn is_being_written(path: &Path) -> bool {
    let lock = std::fs::File::open(path).map(|file| file.try_lock_shared());
    matches!(lock, Ok(Err(TryLockError::WouldBlock)))
}

/// Creates `folder` and its missing parents. The parent of each new folder is flushed.
fn create_folder(folder: &Path) -> Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    let above = folder_of(folder);
    if above != folder {
        create_folder(above)?;
    }
    match fs_err::create_dir(folder) {
        Err(_) if folder.is_dir() => {} // another process was faster
        made => made?,
    }
    flush_folder(above);
    Ok(())
}

/// Flushes the folder's entries to disk: without that a renamed file may be gone after a power cut. Errors
/// are ignored, because some file systems cannot flush folders.
fn flush_folder(folder: &Path) {
    let _ = std::fs::File::open(folder).and_then(|folder| folder.sync_all());
}

/// The folder of `path`; `.` for a bare file name.
fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

/// `frame` as the bytes of a Parquet file, which is not written here; `name` is its path in errors. The metadata have
/// the `schema`'s name, its `version`, this program and `inputs`, the sha256 (hex) of the tables it was made from.
///
/// # Errors
/// [`Error::Polars`].
pub fn parquet(
    name: &Path,
    frame: &mut DataFrame,
    (schema, version): (&str, u32),
    inputs: &str,
) -> Result<Vec<u8>> {
    let version = version.to_string();
    let metadata = [
        (SCHEMA_KEY, schema),
        (VERSION_KEY, &version),
        (PROGRAM_KEY, PROGRAM),
        (INPUTS_KEY, inputs),
    ];
    let metadata = metadata.map(|(key, value)| (key.to_owned(), value.to_owned()));
    let mut bytes = Vec::new();
    ParquetWriter::new(&mut bytes)
        .with_compression(ParquetCompression::Snappy)
        .with_key_value_metadata(Some(KeyValueMetadata::from_static(metadata.to_vec())))
        .finish(frame)
        .map_err(Error::polars(name))?;
    Ok(bytes)
}

/// `frame` as the bytes of a CSV file; `name` is its path in errors.
///
/// # Errors
/// [`Error::Polars`].
pub fn csv(name: &Path, frame: &mut DataFrame) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    CsvWriter::new(&mut bytes)
        .finish(frame)
        .map_err(Error::polars(name))?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn only_leftovers_of_programs_that_ended_are_removed() {
        let folder = tempfile::tempdir().unwrap();
        let partial = |part: &str| {
            folder
                .path()
                .join(format!("{}{part}{}", PARTIAL.0, PARTIAL.1))
        };
        let being_written = std::fs::File::create(partial("a")).unwrap();
        being_written.lock().unwrap();
        std::fs::write(partial("b"), "").unwrap();
        std::fs::write(folder.path().join("b.partial"), "").unwrap();
        remove_leftovers(folder.path()).unwrap();
        assert!(partial("a").exists() && !partial("b").exists());
        assert!(folder.path().join("b.partial").exists());
        drop(being_written);
        remove_leftovers(folder.path()).unwrap();
        assert!(!partial("a").exists());
    }

    #[test]
    fn errors_name_the_file_that_a_table_is_for() {
        let nested = Series::new("a".into(), [Series::new("".into(), [1])]);
        let mut frame = DataFrame::new(1, vec![nested.into()]).unwrap();
        let error = csv(Path::new("tables/a.csv"), &mut frame).unwrap_err();
        assert!(error.to_string().starts_with("tables/a.csv: "), "{error}");
    }
}
