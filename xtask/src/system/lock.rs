//! Locks files, to keep two programs from doing the same work. The operating system releases a lock when the
//! programs that hold it have ended, however they end: the one that took it, and those it started, which inherit it.
//! On a file system without locks a warning is printed, and the work is done without a lock.

use std::fs::TryLockError;
use std::io::ErrorKind;
use std::path::Path;

use anyhow::{Context, Result};
use fs_err as fs;
use rustix::io::Errno;

use crate::system::paths;

/// Who holds a file's lock.
#[derive(Debug)]
pub(crate) enum Holder {
    /// Nobody.
    Nobody,
    /// Another program.
    Another,
    /// Not known, because of this error of the system.
    Unknown(std::io::Error),
}

/// Finds out who holds the lock of the file `path`, which need not be there. A shared lock is taken to find out, so
/// that two programs that ask at once do not take each other for the holder; it is released before this returns.
pub(crate) fn holder(path: &Path) -> Holder {
    match fs::File::open(path) {
        Ok(file) => match file.file().try_lock_shared() {
            Ok(()) => Holder::Nobody,
            Err(TryLockError::WouldBlock) => Holder::Another,
            Err(TryLockError::Error(error)) => Holder::Unknown(error),
        },
        Err(error) if error.kind() == ErrorKind::NotFound => Holder::Nobody,
        Err(error) => Holder::Unknown(error),
    }
}

/// Tries to lock `file`. Returns true where this program now has the lock, false where another program has it.
/// Where the file system has no locks, warns and returns true.
///
/// # Errors
/// The operating system's, if it is another than that there are no locks.
pub(crate) fn try_take(file: &fs::File) -> Result<bool> {
    loop {
        match file.file().try_lock() {
            Ok(()) => return Ok(true),
            Err(TryLockError::WouldBlock) => return Ok(false),
            Err(TryLockError::Error(error)) if error.kind() == ErrorKind::Interrupted => {}
            Err(TryLockError::Error(error)) => return go_without(file, error).map(|()| true),
        }
    }
}

/// Locks `file`; where another program has the lock, prints `meanwhile` and waits.
///
/// # Errors
/// Those of [`try_take`].
pub(crate) fn take(file: &fs::File, meanwhile: &str) -> Result<()> {
    if try_take(file)? {
        return Ok(());
    }
    eprintln!("{meanwhile}");
    loop {
        match file.file().lock() {
            Ok(()) => return Ok(()),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return go_without(file, error),
        }
    }
}

/// Warns if `error` says that the file system has no locks.
///
/// # Errors
/// Any other error.
fn go_without(file: &fs::File, error: std::io::Error) -> Result<()> {
    let path = paths::shown(file.path());
    // NFS without a service for locks says ENOLCK.
    let is_without = error.kind() == ErrorKind::Unsupported
        || Errno::from_io_error(&error) == Some(Errno::NOLCK);
    if !is_without {
        return Err(error).with_context(|| format!("{path}: cannot be locked"));
    }
    eprintln!("warning: {path}: no lock: {error}: let no second program work here meanwhile");
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn a_lock_is_had_once_and_only_errors_of_missing_locks_are_passed_over() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(".lock");
        assert!(matches!(holder(&path), Holder::Nobody));
        let ours = fs::File::create(&path).unwrap();
        assert!(matches!(holder(&path), Holder::Nobody));
        assert!(try_take(&ours).unwrap());
        assert!(matches!(holder(&path), Holder::Another));
        let other = fs::File::open(&path).unwrap();
        assert!(!try_take(&other).unwrap());
        for errno in [Errno::NOLCK, Errno::OPNOTSUPP, Errno::NOSYS] {
            go_without(&ours, errno.into()).unwrap();
        }
        for errno in [Errno::IO, Errno::STALE, Errno::BADF] {
            let error = go_without(&ours, errno.into()).unwrap_err();
            assert!(format!("{error:#}").contains(".lock: cannot be locked: "));
        }
    }
}
