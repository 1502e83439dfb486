//! Maps a file into memory, so that a JSON of hundreds of megabytes is read without a copy.

use std::ops::Deref;
use std::path::Path;

use memmap2::Mmap;

use crate::error::{Problem, Result};

/// Bytes read between two releases of pages, each of which is a system call.
const STEP: usize = 16 << 20;

/// A mapped file that is not empty.
pub(super) struct Mapped(Mmap);

impl Mapped {
    /// Maps the file for reading.
    pub(super) fn open(path: &Path) -> Result<Self> {
        let file = fs_err::File::open(path)?;
        if file.metadata()?.len() == 0 {
            return Err(Problem::new(path, "file", "nothing", "a JSON object").into());
        }
        // SAFETY: the mapping is only read, as bytes; a file that someone shortens meanwhile ends
        // the program, as it would end any reader of mapped files.
        Ok(Self(unsafe { Mmap::map(file.file())? }))
    }

    /// Releases the pages before `position`, so that memory holds the parsed data and not the text as
    /// well. `done` is the end of the pages released so far.
    pub(super) fn release(&self, done: &mut usize, position: usize) {
        if position - *done < STEP {
            return;
        }
        // SAFETY: the mapping is a file's and is never written, so a page that is read again comes
        // back from the file unchanged. A refusal costs memory only.
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
