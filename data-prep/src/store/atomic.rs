//! Writes files that appear whole or not at all: a temporary file in the same folder, flushed to disk,
//! then renamed. All tables, pixel files and contact sheets are written with it. A folder of many files is
//! replaced in the same way.

use std::fs::{File, TryLockError};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::thread::JoinHandle;

use crossbeam::channel::{Sender, bounded};
use rayon::prelude::*;
use tempfile::NamedTempFile;
use walkdir::WalkDir;

/// How the names of temporary files end.
const PARTIAL: &str = ".partial";

/// A file being written. It exists under its name only after [`Pending::commit`]; dropped before that, it
/// leaves nothing.
#[derive(Debug)]
pub struct Pending {
    path: PathBuf,
    writer: BufWriter<NamedTempFile>,
    /// Bytes written since the flusher was last called.
    unflushed: usize,
    flusher: Option<Flusher>,
}

/// A thread that flushes a long file to disk while it is being written. Otherwise the operating system may
/// keep gigabytes of it in memory, and [`Pending::commit`] would wait for all of them.
#[derive(Debug)]
struct Flusher {
    wake: Sender<()>,
    thread: JoinHandle<io::Result<()>>,
}

/// Bytes written between two calls of the flusher: 32 MiB, chosen.
const FLUSHED_AT_ONCE: usize = 32 << 20;

impl Pending {
    /// Opens a temporary file beside `path`, creating the folder.
    ///
    /// # Errors
    /// When the folder cannot be created or written to, or `path` is no regular file, for instance a
    /// device, which the file would replace.
    pub fn create(path: &Path) -> io::Result<Self> {
        if std::fs::metadata(path).is_ok_and(|found| !found.is_file()) {
            let found = "found something that is no regular file, expected a file or nothing";
            return Err(naming(path)(io::Error::other(found)));
        }
        let folder = folder_of(path);
        fs_err::create_dir_all(folder)?;
        let mut builder = tempfile::Builder::new();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let prefix = format!(".{name}.");
        builder.prefix(&prefix).suffix(PARTIAL);
        #[cfg(unix)]
        {
            // A temporary file is private by default; this one becomes an ordinary file (less umask).
            use std::os::unix::fs::PermissionsExt;
            builder.permissions(std::fs::Permissions::from_mode(0o666));
        }
        let file = builder.tempfile_in(folder).map_err(naming(path))?;
        // Closing the file releases the lock, which tells `remove_leftovers` that it is no leftover. On a file
        // system without locks the file is written without one.
        let _ = file.as_file().try_lock();
        Ok(Self {
            path: path.to_owned(),
            writer: BufWriter::with_capacity(1 << 18, file),
            unflushed: 0,
            flusher: None,
        })
    }

    /// Lets another thread flush what was written so far.
    fn call_flusher(&mut self) -> io::Result<()> {
        let flusher = match &mut self.flusher {
            Some(flusher) => flusher,
            none => none.insert(Flusher::start(self.writer.get_ref().as_file().try_clone()?)),
        };
        let _ = flusher.wake.try_send(()); // fails only when a call is waiting already, or after an error
        Ok(())
    }

    /// Flushes to disk and renames the file, replacing an existing one.
    ///
    /// # Errors
    /// When the disk is full or the rename is refused.
    pub fn commit(self) -> io::Result<()> {
        if let Some(flusher) = self.flusher {
            flusher.stop().map_err(naming(&self.path))?;
        }
        let file = self
            .writer
            .into_inner()
            .map_err(|error| naming(&self.path)(error.into_error()))?;
        file.as_file().sync_all().map_err(naming(&self.path))?;
        file.persist(&self.path)
            .map_err(|error| naming(&self.path)(error.error))?;
        flush_folder(folder_of(&self.path)); // the name must outlast a power cut, too
        Ok(())
    }
}

impl Write for Pending {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.writer.write(bytes).map_err(naming(&self.path))?;
        self.unflushed += written;
        if self.unflushed >= FLUSHED_AT_ONCE {
            self.unflushed = 0;
            self.call_flusher().map_err(naming(&self.path))?;
        }
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.writer.flush().map_err(naming(&self.path))
    }
}

impl Flusher {
    fn start(file: File) -> Self {
        let (wake, calls) = bounded(1);
        let thread = std::thread::spawn(move || {
            for () in calls {
                file.sync_data()?;
            }
            Ok(())
        });
        Self { wake, thread }
    }

    /// Waits for the thread's end and returns its error, because a later flush would not report that again.
    fn stop(self) -> io::Result<()> {
        drop(self.wake);
        match self.thread.join() {
            Ok(result) => result,
            Err(panic) => std::panic::resume_unwind(panic),
        }
    }
}

/// Writes one whole file with `fill`. When that fails, nothing new is left, and a file that was there before
/// stays.
///
/// # Errors
/// Those of `fill`, and those of the file system, naming `path`.
pub fn write<T, E: From<io::Error>>(
    path: impl AsRef<Path>,
    fill: impl FnOnce(&mut Pending) -> Result<T, E>,
) -> Result<T, E> {
    let mut pending = Pending::create(path.as_ref())?;
    let value = fill(&mut pending)?;
    pending.commit()?;
    Ok(value)
}

/// Puts the finished folder `made` into the place of `path`. What was there before is moved, as it is, to `former`.
/// So `path` is whole at any time, or absent for a moment. All three are on one file system.
///
/// # Errors
/// When a file cannot be flushed to disk, or a rename is refused.
pub(crate) fn replace_folder(path: &Path, made: &Path, former: &Path) -> io::Result<()> {
    flush_all(made)?;
    if path.exists() {
        fs_err::rename(path, former)?;
    }
    fs_err::rename(made, path)?;
    flush_folder(folder_of(path));
    Ok(())
}

/// Flushes everything below `folder` to disk, and the folder itself; several files at a time, which then share a
/// write of the file system's journal.
fn flush_all(folder: &Path) -> io::Result<()> {
    let found = WalkDir::new(folder).into_iter();
    let found: Vec<walkdir::DirEntry> = found.collect::<Result<_, walkdir::Error>>()?;
    found.par_iter().try_for_each(|entry| -> io::Result<()> {
        match entry.file_type().is_dir() {
            true => flush_folder(entry.path()),
            false => fs_err::File::open(entry.path())?.sync_all()?,
        }
        Ok(())
    })
}

/// Flushes the names in a folder to disk. Where a folder cannot be flushed, nothing more can be done.
fn flush_folder(folder: &Path) {
    let _ = File::open(folder).and_then(|folder| folder.sync_all());
}

/// Removes temporary files of `path` that killed programs have left; not one that a program is writing.
///
/// # Errors
/// When the folder cannot be read or a file not removed.
pub fn remove_leftovers(path: impl AsRef<Path>) -> io::Result<()> {
    let path = path.as_ref();
    let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else {
        return Ok(());
    };
    let prefix = format!(".{}.", name.to_string_lossy());
    if !folder.is_dir() {
        return Ok(());
    }
    for entry in fs_err::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        let is_partial = name.starts_with(&prefix) && name.ends_with(PARTIAL);
        if !is_partial || is_being_written(&entry.path()) {
            continue;
        }
        match fs_err::remove_file(entry.path()) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {} // another program was faster
            removed => removed?,
        }
    }
    Ok(())
}

/// Whether a program that is writing this temporary file holds its lock.
fn is_being_written(path: &Path) -> bool {
    let lock = File::open(path).map(|file| file.try_lock_shared());
    matches!(lock, Ok(Err(TryLockError::WouldBlock)))
}

fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

/// Returns a function for `map_err` that puts `path` before an error's message.
fn naming(path: &Path) -> impl FnOnce(io::Error) -> io::Error + '_ {
    move |error| io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    /// Two writes fail: one of 1 byte when the buffer is flushed, and one of 1 MiB, more than the buffer holds,
    /// when it is written. Both errors name the file. The old file stays, and no temporary one is left.
    #[test]
    fn what_goes_wrong_names_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        std::fs::write(&path, "before").unwrap();
        let mut pending = Pending::create(&path).unwrap();
        // A file that is open for reading alone takes no byte, as a full disk does.
        let (file, temporary) = NamedTempFile::new_in(folder.path()).unwrap().into_parts();
        let read_only = File::open(&temporary).unwrap();
        drop(file);
        let unwritable = NamedTempFile::from_parts(read_only, temporary);
        pending.writer = BufWriter::with_capacity(1 << 18, unwritable);
        for size in [1, 1 << 20] {
            let bytes = vec![0; size];
            let error = pending.write_all(&bytes).and_then(|()| pending.flush());
            let error = error.unwrap_err().to_string();
            assert!(error.starts_with(&path.display().to_string()), "{error}");
        }
        drop(pending);
        assert_eq!(std::fs::read(&path).unwrap(), b"before");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn only_leftovers_of_programs_that_ended_are_removed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        let mut pending = Pending::create(&path).unwrap();
        let leftover = folder.path().join(".file.abc.partial");
        std::fs::write(&leftover, "").unwrap();
        remove_leftovers(&path).unwrap();
        assert!(!leftover.exists());
        pending.write_all(b"new").unwrap();
        pending.commit().unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"new");
    }

    /// The former folder is moved, not emptied: a program that is killed meanwhile leaves no part of it.
    #[test]
    fn a_folder_is_replaced_as_a_whole() {
        let root = tempfile::tempdir().unwrap();
        let at = |name: &str| root.path().join(name);
        let make = |name: &str, file: &str| {
            std::fs::create_dir_all(at(name).join("inner")).unwrap();
            std::fs::write(at(name).join("inner").join(file), file).unwrap();
        };
        let files = |name: &str| -> Vec<_> {
            let entries = std::fs::read_dir(at(name).join("inner")).unwrap();
            entries.map(|entry| entry.unwrap().file_name()).collect()
        };
        make("made", "first");
        replace_folder(&at("folder"), &at("made"), &at("former")).unwrap();
        assert_eq!(files("folder"), ["first"]);
        assert!(!at("former").exists() && !at("made").exists());
        make("made", "second");
        replace_folder(&at("folder"), &at("made"), &at("former")).unwrap();
        assert_eq!(files("folder"), ["second"]);
        assert_eq!(files("former"), ["first"]);
        assert!(!at("made").exists());
        // Nothing to put in its place: the folder is left as it is.
        let missing = replace_folder(&at("folder"), &at("made"), &at("other"));
        assert_eq!(missing.unwrap_err().kind(), io::ErrorKind::NotFound);
        assert_eq!(files("folder"), ["second"]);
    }

    #[test]
    fn what_is_no_file_is_not_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let taken = folder.path().join("taken");
        std::fs::create_dir(&taken).unwrap();
        for path in [Path::new("/dev/null"), taken.as_path()] {
            let error = Pending::create(path).unwrap_err().to_string();
            let expected = format!(
                "{}: found something that is no regular file",
                path.display()
            );
            assert!(error.starts_with(&expected), "{error}");
        }
        assert!(taken.is_dir());
    }
}
