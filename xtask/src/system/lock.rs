//! Locks files, to keep two programs from doing the same work. The operating system releases a lock when the
//! programs that hold it have ended, however they end. On a file system without locks a warning is printed,
//! and the work is done without a lock.

use std::fs::TryLockError;
use std::io::ErrorKind;
use std::path::Path;

use fs_err as fs;

use crate::system::paths;

/// Who holds a file's lock, found out by trying to take it (where nobody held it, this takes it).
#[derive(Debug)]
pub(crate) enum Holder {
    /// Nobody had it.
    Nobody,
    /// Another program.
    Another,
    /// Not known, because of this error of the system.
    Unknown(std::io::Error),
}

impl From<Result<(), TryLockError>> for Holder {
    fn from(taken: Result<(), TryLockError>) -> Self {
        match taken {
            Ok(()) => Holder::Nobody,
            Err(TryLockError::WouldBlock) => Holder::Another,
            Err(TryLockError::Error(error)) => Holder::Unknown(error),
        }
    }
}

/// Finds out who holds the lock of the file `path`, which need not be there. The lock that is taken to find out is
/// released before this returns.
pub(crate) fn holder(path: &Path) -> Holder {
    match fs::File::open(path) {
        Ok(file) => file.file().try_lock_shared().into(),
        Err(error) if error.kind() == ErrorKind::NotFound => Holder::Nobody,
        Err(error) => Holder::Unknown(error),
    }
}

/// Tries to lock `file`. Returns true where this program now has the lock, false where another program has it.
/// Where the file system has no locks, warns and returns true.
pub(crate) fn is_taken(file: &fs::File) -> bool {
    match Holder::from(file.file().try_lock()) {
        Holder::Nobody => true,
        Holder::Another => false,
        Holder::Unknown(error) => {
            warn(file, &error);
            true
        }
    }
}

/// Locks `file`; where another program has the lock, prints `meanwhile` and waits.
pub(crate) fn take(file: &fs::File, meanwhile: &str) {
    if is_taken(file) {
        return;
    }
    eprintln!("{meanwhile}");
    loop {
        match file.file().lock() {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return warn(file, &error),
            Ok(()) => return,
        }
    }
}

/// Prints that there is no lock.
fn warn(file: &fs::File, error: &std::io::Error) {
    let path = paths::shown(file.path());
    eprintln!("warning: {path}: no lock: {error}: let no second program work here meanwhile");
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn only_a_lock_that_another_has_is_held() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(".lock");
        let ours = fs::File::create(&path).unwrap();
        assert!(is_taken(&ours));
        let other = fs::File::open(&path).unwrap();
        assert!(!is_taken(&other));
        // The errors of a file system without locks, and of a call that a signal interrupted.
        for kind in [ErrorKind::Unsupported, ErrorKind::Interrupted] {
            let error = Err(TryLockError::Error(kind.into()));
            assert!(matches!(Holder::from(error), Holder::Unknown(_)), "{kind}");
        }
    }
}
