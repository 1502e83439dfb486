//! Files appear whole or not at all: written under a temporary name in the same folder, flushed to
//! disk, renamed. Parquet tables get their name, version, program and provenance.

use std::io::Write;
use std::path::Path;

use polars::prelude::*;

use crate::schema::{INPUTS_KEY, PROGRAM_KEY, SCHEMA_KEY, VERSION_KEY};
use crate::{Error, Result};

/// Program and version, as it stands in every table and in the report.
pub const PROGRAM: &str = concat!("analysis ", env!("CARGO_PKG_VERSION"));

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

/// Writes `files` into the folder `out`, in order. The last one says that all are there, so an older
/// one of its name goes first.
///
/// # Errors
/// The operating system's; what was written until then stays, the last file is not there.
pub fn write_files(out: &Path, files: &[File]) -> Result<()> {
    if let Some(last) = files.last().map(|file| out.join(&file.name))
        && last.exists()
    {
        fs_err::remove_file(last)?;
    }
    for file in files {
        write(&out.join(&file.name), &file.bytes)?;
    }
    Ok(())
}

fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    let naming =
        |error: std::io::Error| std::io::Error::other(format!("{}: {error}", path.display()));
    let folder = path.parent().unwrap_or(Path::new("."));
    fs_err::create_dir_all(folder)?;
    let mut temporary = tempfile::Builder::new()
        .prefix(".writing-")
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
    Ok(())
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
