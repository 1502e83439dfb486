//! Files appear whole or not at all: written under a temporary name in the same folder, flushed to
//! disk, renamed. Parquet tables get their name, version, program and provenance.

use std::io::{BufWriter, Write};
use std::path::Path;

use polars::prelude::*;

use crate::schema::{INPUTS_KEY, PROGRAM_KEY, SCHEMA_KEY, VERSION_KEY};
use crate::{Error, Result};

/// Program and version, as it stands in every table and in the report.
pub const PROGRAM: &str = concat!("analysis ", env!("CARGO_PKG_VERSION"));

/// Writes the file at `path` through `fill`, making its folder where needed.
///
/// # Errors
/// Whatever `fill` returns, or the operating system.
pub fn write(path: &Path, fill: impl FnOnce(&mut dyn Write) -> Result<()>) -> Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    fs_err::create_dir_all(folder)?;
    let temporary = tempfile::Builder::new()
        .prefix(".writing-")
        .tempfile_in(folder)?;
    let mut writer = BufWriter::new(temporary.as_file());
    fill(&mut writer)?;
    writer.flush()?;
    drop(writer);
    temporary.as_file().sync_all()?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let readable = std::fs::Permissions::from_mode(0o644);
        temporary.as_file().set_permissions(readable)?;
    }
    temporary.persist(path).map_err(|error| error.error)?;
    Ok(())
}

/// Writes `text` to `path`.
///
/// # Errors
/// The operating system's.
pub fn write_text(path: &Path, text: &str) -> Result<()> {
    write(path, |writer| Ok(writer.write_all(text.as_bytes())?))
}

/// Writes `frame` to `path` as Parquet table `schema`, version 1, made from `inputs` (sha256 hex).
///
/// # Errors
/// [`Error::Polars`] or the operating system's.
pub fn write_parquet(path: &Path, frame: &mut DataFrame, schema: &str, inputs: &str) -> Result<()> {
    let metadata = [
        (SCHEMA_KEY, schema),
        (VERSION_KEY, "1"),
        (PROGRAM_KEY, PROGRAM),
        (INPUTS_KEY, inputs),
    ];
    let metadata = metadata.map(|(key, value)| (key.to_owned(), value.to_owned()));
    write(path, |writer| {
        ParquetWriter::new(writer)
            .with_compression(ParquetCompression::Snappy)
            .with_key_value_metadata(Some(KeyValueMetadata::from_static(metadata.to_vec())))
            .finish(frame)
            .map_err(Error::polars(path))?;
        Ok(())
    })
}

/// Writes `frame` to `path` as CSV.
///
/// # Errors
/// [`Error::Polars`] or the operating system's.
pub fn write_csv(path: &Path, frame: &mut DataFrame) -> Result<()> {
    write(path, |writer| {
        CsvWriter::new(writer)
            .finish(frame)
            .map_err(Error::polars(path))
    })
}
