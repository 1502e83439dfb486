//! Locks the folder of a run (one training) while a program trains the run, so that a second program on the same
//! folder is refused. The lock is the operating system's, on the file `train.lock`; it is released when the program
//! that holds it ends, also when it is killed.

use std::fs::TryLockError;
use std::io::Write;

use fs_err::{File, OpenOptions};

use crate::error::{Error, Result};
use crate::run::folder::RunFolder;

/// The lock on a run's folder, held until this is dropped.
#[derive(Debug)]
pub struct Lock(#[expect(dead_code, reason = "open, it holds the lock")] File);

impl Lock {
    /// Locks the folder. Where the file system has no locks, a warning is printed.
    ///
    /// # Errors
    /// Another program holds the lock; the disk's.
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
            Err(TryLockError::Error(error)) => say!(
                "warning: {}: {error}: do not train this run twice at a time",
                path.display()
            ),
        }
        Ok(Lock(file))
    }
}

/// Returns the machine's name.
pub(crate) fn host() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    match name.trim() {
        "" => "this machine".to_owned(),
        name => name.to_owned(),
    }
}
