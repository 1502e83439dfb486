//! Unpacks a downloaded tar or zip archive without trusting it. Only plain files and folders are accepted,
//! only inside the target folder, each file once, and within the sizes that the data set can have. Any other
//! entry is an error that names it, except where a zip has an entry twice: the zip library does not say which.

use std::collections::HashSet;
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use fs_err as fs;
use indicatif::ProgressBar;

use crate::system::files::{inside, shown};
use crate::system::progress;

/// The format of an archive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    Tar,
    Zip,
}

/// The limits of what an archive may unpack to.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    /// Bytes of all files together.
    pub(super) bytes: u64,
    /// Number of files and folders.
    pub(super) entries: usize,
}

/// Unpacks `archive` into the folder `into` and returns the number of files. Nobody but the caller may
/// write to `into` meanwhile, because a link put there would be followed. After an error the folder holds
/// some of the files.
pub(super) fn unpack(archive: &Path, format: Format, into: &Path, limits: Limits) -> Result<usize> {
    let name = archive
        .file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned();
    let mut target = Target {
        root: into.to_path_buf(),
        limits,
        seen: HashSet::new(),
        n_bytes: 0,
        n_files: 0,
        bar: progress::spinner(&format!("unpacking {name}")),
        name,
    };
    let done = match format {
        Format::Tar => untar(archive, &mut target),
        Format::Zip => unzip(archive, &mut target),
    };
    target.bar.finish_and_clear();
    done.with_context(|| archive.display().to_string())?;
    Ok(target.n_files)
}

/// Unpacks a tar archive.
fn untar(archive: &Path, target: &mut Target) -> Result<()> {
    let file = BufReader::with_capacity(1 << 20, fs::File::open(archive)?);
    let mut archive = tar::Archive::new(file);
    for entry in archive.entries()? {
        let mut entry = entry.context("not a readable tar archive")?;
        let name = entry.path_bytes().into_owned();
        let kind = entry.header().entry_type();
        match kind {
            tar::EntryType::Directory => target.folder(&name)?,
            tar::EntryType::Regular => {
                let size = entry.size();
                target.file(&name, size, &mut entry)?;
            }
            // Metadata without a file, which `git archive` writes.
            tar::EntryType::XGlobalHeader => {}
            _ => bail!(
                "{}: found {kind:?}, expected a file or a folder",
                shown(&name)
            ),
        }
    }
    Ok(())
}

/// Unpacks a zip archive.
fn unzip(archive: &Path, target: &mut Target) -> Result<()> {
    let file = BufReader::with_capacity(1 << 20, fs::File::open(archive)?);
    let mut archive = zip::ZipArchive::new(file).context("not a readable zip archive")?;
    if archive.has_duplicate_names() {
        bail!("an entry is there twice, expected each once");
    }
    for index in 0..archive.len() {
        let name = archive.by_index_data(index)?.name_raw().to_vec();
        // Fails for an encrypted entry.
        let mut entry = archive.by_index(index).with_context(|| shown(&name))?;
        // The file type is in the mode's upper bits. They are zero where the archive has no mode, or one without a
        // type, as Python's zipfile writes.
        let kind = entry.unix_mode().unwrap_or(0) & 0o170_000;
        match (kind, entry.is_dir()) {
            (0 | 0o040_000, true) => target.folder(&name)?,
            (0 | 0o100_000, false) => {
                let size = entry.size();
                target.file(&name, size, &mut entry)?;
            }
            _ => bail!(
                "{}: found file type {kind:o}, expected a file or a folder",
                shown(&name)
            ),
        }
    }
    Ok(())
}

/// The folder being filled, and what has gone into it.
struct Target {
    root: PathBuf,
    /// `entries` is counted down to what is left; `bytes` stays what all files may take together.
    limits: Limits,
    /// The files of this archive so far, so that a second one of the same name is refused. A file that an
    /// earlier archive of the data set unpacked is overwritten: both archives are the publisher's.
    seen: HashSet<PathBuf>,
    /// Bytes written so far.
    n_bytes: u64,
    n_files: usize,
    bar: ProgressBar,
    /// The archive's file name, which the bar shows.
    name: String,
}

impl Target {
    /// Creates the folder `name`.
    fn folder(&mut self, name: &[u8]) -> Result<()> {
        self.count(name)?;
        let path = self.root.join(inside(name)?);
        fs::create_dir_all(path)?;
        Ok(())
    }

    /// Writes the file `name` from `content`, which must have exactly `size` bytes.
    fn file(&mut self, name: &[u8], size: u64, content: &mut impl Read) -> Result<()> {
        self.count(name)?;
        let relative = inside(name)?;
        if relative.as_os_str().is_empty() {
            bail!("{}: expected a file name", shown(name));
        }
        let left = self.limits.bytes - self.n_bytes;
        if size > left {
            bail!(
                "{}: {size} bytes, more than the {left} bytes that may still be unpacked",
                shown(name)
            );
        }
        let path = self.root.join(&relative);
        if !self.seen.insert(relative) {
            bail!(
                "{}: an entry is there twice, expected each once",
                shown(name)
            );
        }
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        let mut file = fs::File::create(&path)?;
        let copied =
            std::io::copy(&mut content.take(size + 1), &mut file).with_context(|| shown(name))?;
        if copied != size {
            // The crates keep to the declared size: tar ends there, and zip fails beyond it. Should one of them not,
            // the one byte more that is read above shows it; how long the content is then stays unknown.
            let or_more = if copied > size { " or more" } else { "" };
            bail!(
                "{}: found {copied} bytes{or_more}, expected {size}",
                shown(name)
            );
        }
        self.n_bytes += size;
        self.n_files += 1;
        if self.n_files.is_multiple_of(100) {
            self.bar
                .set_message(format!("unpacking {}: {} files", self.name, self.n_files));
        }
        Ok(())
    }

    /// Counts one entry; an error where the archive has too many.
    fn count(&mut self, name: &[u8]) -> Result<()> {
        if self.limits.entries == 0 {
            bail!("{}: more entries than this archive can have", shown(name));
        }
        self.limits.entries -= 1;
        Ok(())
    }
}
