//! How much room a folder has. Asks `df`, whose POSIX output is the same everywhere, rather than
//! bring in a crate for one number.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::system::{process, progress};

/// Bytes a user may still write in `dir`, or in its closest ancestor that exists.
pub(crate) fn free(dir: &Path) -> Result<u64> {
    let dir = std::path::absolute(dir)?;
    let existing = dir.ancestors().find(|path| path.exists()).unwrap_or(&dir);
    let table = process::capture(
        Command::new("df").arg("-Pk").arg(existing),
        "asking for free disk space",
    )?;
    // "Filesystem 1024-blocks Used Available Capacity Mounted-on", then one line; a file system's
    // name may hold spaces, so count from the column with the percent sign.
    let fields: Vec<&str> = table
        .lines()
        .nth(1)
        .unwrap_or("")
        .split_whitespace()
        .collect();
    let kilobytes = fields
        .iter()
        .position(|field| field.ends_with('%'))
        .and_then(|at| fields.get(at.checked_sub(1)?))
        .and_then(|field| field.parse::<u64>().ok());
    let kilobytes = kilobytes.with_context(|| {
        format!(
            "df -Pk {}: found no number of free kilobytes",
            existing.display()
        )
    })?;
    Ok(kilobytes * 1024)
}

/// Fails where `dir` has less than `bytes` free.
pub(crate) fn require(dir: &Path, bytes: u64) -> Result<()> {
    let free = free(dir)?;
    if free < bytes {
        bail!(
            "{}: not enough room: found {} free, expected {}",
            dir.display(),
            progress::size(free),
            progress::size(bytes)
        );
    }
    Ok(())
}
