//! Finds out how much disk space is free, and refuses work for which it is too little.

use std::path::Path;

use anyhow::{Context, Result, bail};
use rustix::fs::statvfs;

use super::progress;

/// The bytes that the user may still write in `dir`, or in its closest ancestor that exists.
pub(crate) fn free(dir: &Path) -> Result<u64> {
    let dir = std::path::absolute(dir)?;
    let existing = dir.ancestors().find(|path| path.exists()).unwrap_or(&dir);
    let room = statvfs(existing)
        .with_context(|| format!("{}: asking for free disk space", existing.display()))?;
    Ok(room.f_bavail * room.f_frsize)
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
