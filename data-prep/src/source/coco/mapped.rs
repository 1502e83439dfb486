//! Maps a file into memory, so that a JSON of hundreds of megabytes is read without copying it.

use std::ops::Deref;
use std::path::Path;

use memmap2::Mmap;

use crate::error::{Problem, Result};

/// Bytes read between two releases of memory pages: 16 MiB, chosen, since each release is a system call.
const STEP: usize = 16 << 20;

/// A mapped file that is not empty.
pub(super) struct Mapped(Mmap);

impl Mapped {
    /// Maps the file for reading.
    ///
    /// # Errors
    /// When it cannot be opened or is empty.
    pub(super) fn open(path: &Path) -> Result<Self> {
        let file = fs_err::File::open(path)?;
        if file.metadata()?.len() == 0 {
            return Err(Problem::new(path, "file", "nothing", "a JSON object").into());
        }
        // SAFETY: the mapping is only read, as bytes. If another program shortens the file meanwhile, the system
        // ends this program by a signal, as it does with any reader of mapped files.
        Ok(Self(unsafe { Mmap::map(file.file())? }))
    }

    /// Releases the memory pages before byte `position`, so that memory holds only the parsed data and not the
    /// text as well. `done` is the end of what was released so far. Does nothing until [`STEP`] bytes are due.
    pub(super) fn release(&self, done: &mut usize, position: usize) {
        if position - *done < STEP {
            return;
        }
        // SAFETY: the mapping is a file's and is never written, so a page that is read again comes
        // back from the file unchanged. If the system refuses, only more memory is used.
        #[cfg(unix)]
        let _ = unsafe {
            let advice = memmap2::UncheckedAdvice::DontNeed;
            self.0
                .unchecked_advise_range(advice, *done, position - *done)
        };
        *done = position;
    }
}

impl Deref for Mapped {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}
