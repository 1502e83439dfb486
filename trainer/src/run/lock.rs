//! Locks the folder of a run (one training) while a program trains the run, so that a second program on the same
//! folder is refused. The lock is the operating system's, on the file `train.lock`; it is released when the program
//! that holds it ends, also when it is killed.

use std::fs::TryLockError;
use std::io::{ErrorKind, Write};

use fs_err::{File, OpenOptions};

use crate::error::{Error, Result};
use crate::run::folder::RunFolder;

/// The number of the error that NFS without a service for locks gives, for which [`ErrorKind`] has no name.
const ENOLCK: i32 = if cfg!(target_os = "macos") { 77 } else { 37 };

/// The lock on a run's folder, held until this is dropped.
#[derive(Debug)]
pub struct Lock(#[expect(dead_code, reason = "open, it holds the lock")] File);

impl Lock {
    /// Makes the folder and locks it. Where the file system has no locks, a warning is printed.
    ///
    /// # Errors
    /// Another program holds the lock; the operating system's.
    pub fn take(folder: &RunFolder) -> Result<Lock> {
        let path = folder.lock_file();
        fs_err::create_dir_all(&folder.dir)?;
        let mut file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)?;
        match file.file().try_lock() {
            Ok(()) => {
                file.set_len(0)?;
                write!(file, "process {} on {}", std::process::id(), host())?;
            }
            Err(TryLockError::WouldBlock) => {
                let holder = match fs_err::read_to_string(&path)? {
                    name if name.is_empty() => "another program".to_owned(),
                    name => name,
                };
                return Err(Error::invalid(
                    &folder.dir,
                    "run folder",
                    format!("in use by {holder}"),
                    "no other program that trains this run: wait for it or stop it",
                ));
            }
            Err(TryLockError::Error(error)) if has_no_locks(&error) => say!(
                "warning: {}: {error}: do not train this run twice at a time",
                path.display()
            ),
            Err(TryLockError::Error(error)) => {
                let found = format!("cannot be locked: {error}");
                return Err(Error::invalid(&path, "lock", found, "a lock"));
            }
        }
        Ok(Lock(file))
    }
}

/// Whether an error of a lock says that the file system has none.
fn has_no_locks(error: &std::io::Error) -> bool {
    error.kind() == ErrorKind::Unsupported || error.raw_os_error() == Some(ENOLCK)
}

/// Returns the machine's name.
pub(crate) fn host() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    match name.trim() {
        "" => "this machine".to_owned(),
        name => name.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_file_system_without_locks_is_passed_over() {
        let is_passed_over = |kind: ErrorKind| has_no_locks(&kind.into());
        assert!(has_no_locks(&std::io::Error::from_raw_os_error(ENOLCK)));
        assert!(is_passed_over(ErrorKind::Unsupported));
        assert!(!is_passed_over(ErrorKind::Interrupted));
        assert!(!has_no_locks(&std::io::Error::from_raw_os_error(5))); // an error of the disk
    }
}
