//! Files appear whole or not at all: written under a temporary name in the same folder, flushed to
//! disk, renamed, the folder flushed. Parquet tables get their name, version, program and provenance.
//! Which files of former runs go is said in [`crate::written`].

use std::io::Write;
use std::path::Path;

use polars::prelude::*;

use crate::load::schema::{INPUTS_KEY, PROGRAM_KEY, SCHEMA_KEY, VERSION_KEY};
use crate::{Error, Result};

/// Program and version, as it stands in every table and in the report.
pub const PROGRAM: &str = concat!("analysis ", env!("CARGO_PKG_VERSION"));

/// How the names of temporary files begin and end.
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
/// The operating system's; a former file stays then.
pub fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    let naming =
        |error: std::io::Error| std::io::Error::other(format!("{}: {error}", path.display()));
    let folder = folder_of(path);
    create_folder(folder)?;
    let mut temporary = tempfile::Builder::new()
        .prefix(PARTIAL.0)
        .suffix(PARTIAL.1)
        .tempfile_in(folder)
        .map_err(naming)?;
    temporary.write_all(bytes).map_err(naming)?;
    temporary.as_file().sync_all().map_err(naming)?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let readable = std::fs::Permissions::from_mode(0o644);
        let file = temporary.as_file();
        file.set_permissions(readable).map_err(naming)?;
    }
    temporary
        .persist(path)
        .map_err(|error| naming(error.error))?;
    flush_folder(folder);
    Ok(())
}

/// Removes one file, for good.
///
/// # Errors
/// The operating system's.
pub(crate) fn remove(path: &Path) -> Result<()> {
    fs_err::remove_file(path)?;
    flush_folder(folder_of(path));
    Ok(())
}

/// Removes what a killed run has left in `folder`.
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
        if name.starts_with(PARTIAL.0) && name.ends_with(PARTIAL.1) {
            remove(&entry.path())?;
        }
    }
    Ok(())
}

/// Creates `folder` and those it lies in; the name of each new one is flushed.
fn create_folder(folder: &Path) -> Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    let above = folder_of(folder);
    if above != folder {
        create_folder(above)?;
    }
    match fs_err::create_dir(folder) {
        Err(_) if folder.is_dir() => {} // another program's
        made => made?,
    }
    flush_folder(above);
    Ok(())
}

/// Names must outlast a power cut, too. Where a folder cannot be flushed, there is no more to do.
fn flush_folder(folder: &Path) {
    let _ = std::fs::File::open(folder).and_then(|folder| folder.sync_all());
}

fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

/// `frame` as Parquet table `schema` of that `version`, made from `inputs` (sha256 hex).
///
/// # Errors
/// [`Error::Polars`].
pub fn parquet(
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
        .map_err(Error::polars(Path::new(schema)))?;
    Ok(bytes)
}

/// `frame` as CSV.
///
/// # Errors
/// [`Error::Polars`].
pub fn csv(frame: &mut DataFrame) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    CsvWriter::new(&mut bytes)
        .finish(frame)
        .map_err(Error::polars(Path::new("table.csv")))?;
    Ok(bytes)
}
