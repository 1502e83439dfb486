//! Writes the files of a report, and removes from `tables/`, `figures/` and `gallery/` those that an earlier
//! execution of the program wrote and this one does not. The list `written.sha256` has the path and the hash of
//! every file written there. Only a listed file whose contents still have that hash is removed, so files of users
//! and of other programs stay. In this file, a run is one execution of the program.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::render::output::{File, remove, remove_leftovers, write};
use crate::{Error, Result};

/// The file name of the list. It has a line for each file in the format of `sha256sum`. While files are
/// being written it has the old and the new files, so that every file is listed if the program is killed.
pub const LIST: &str = "written.sha256";

/// The folders whose files are listed, and from which old ones are removed.
pub const FOLDERS: [&str; 3] = ["tables", "figures", "gallery"];

/// A line of the list: a file's path in the output folder, and the sha256 (hex) of its contents.
type Entry = (String, String);

/// Writes `files` into the folder `out`, and removes the files of earlier runs that are not among them and
/// lie in the subfolders `cleaned`. The last of `files` is the sign that all files are there. So an old file of
/// that name is removed before anything is written, and the new one is written last.
///
/// Returns the paths of the files that were removed, and the paths of those that stay only because they
/// were changed after the earlier run wrote them.
///
/// # Errors
/// The operating system's, or a list that cannot be parsed. What was written until then stays. After an
/// error the last file is there only if no other file was changed.
pub fn write_files(out: &Path, files: &[File], cleaned: &[&str]) -> Result<[Vec<PathBuf>; 2]> {
    let former = read(&out.join(LIST))?;
    let (before, last) = files.split_at(files.len().saturating_sub(1));
    remove_leftovers(out)?;
    for folder in FOLDERS {
        remove_leftovers(&out.join(folder))?;
    }
    for file in last.iter().filter(|last| out.join(&last.name).exists()) {
        remove(&out.join(&file.name))?;
    }
    // Files outside these folders are written first. If the disk is full, they fail before the
    // list or an old table is changed.
    let (listed, unlisted): (Vec<&File>, Vec<&File>) =
        before.iter().partition(|file| is_listed(&file.name));
    for file in unlisted {
        write(&out.join(&file.name), &file.bytes)?;
    }
    let mine: BTreeSet<Entry> = files
        .iter()
        .filter(|file| is_listed(&file.name))
        .map(|file| (file.name.clone(), hash(&file.bytes)))
        .collect();
    let mut there: BTreeSet<Entry> = &former | &mine;
    if !there.is_empty() {
        list(out, &there)?;
    }
    let (mut removed, mut changed) = (Vec::new(), Vec::new());
    let names: BTreeSet<&str> = files.iter().map(|file| file.name.as_str()).collect();
    let is_stale = |name: &str| {
        let folder = name.split('/').next().unwrap_or_default();
        cleaned.contains(&folder) && !names.contains(name)
    };
    let stale: BTreeSet<&str> = former
        .iter()
        .map(|(name, _)| name.as_str())
        .filter(|name| is_stale(name))
        .collect();
    for name in &stale {
        let path = out.join(name);
        if !path.is_file() {
            continue;
        }
        let own = ((*name).to_owned(), hash(&fs_err::read(&path)?));
        match former.contains(&own) {
            true => {
                remove(&path)?;
                removed.push(path);
            }
            false => changed.push(path),
        }
    }
    for file in listed {
        let path = out.join(&file.name);
        if !has(&path, &file.bytes)? {
            write(&path, &file.bytes)?;
        }
    }
    // Old entries stay in the list if this run neither wrote nor wanted to remove their files. A changed
    // file, which stays, is no longer listed: from now on it is the user's.
    there.retain(|entry| {
        let is_other = !names.contains(entry.0.as_str()) && !stale.contains(entry.0.as_str());
        is_other || mine.contains(entry)
    });
    if !there.is_empty() || !former.is_empty() {
        list(out, &there)?;
    }
    for file in last {
        write(&out.join(&file.name), &file.bytes)?;
    }
    Ok([removed, changed])
}

/// Whether the file at `path` has these contents already; then it need not be written and flushed again. A
/// gallery has thousands of pictures.
fn has(path: &Path, bytes: &[u8]) -> Result<bool> {
    let there = fs_err::metadata(path);
    let is_like = there.is_ok_and(|there| there.is_file() && there.len() == bytes.len() as u64);
    Ok(is_like && fs_err::read(path)? == bytes)
}

/// Writes the list.
fn list(out: &Path, entries: &BTreeSet<Entry>) -> Result<()> {
    let lines = entries
        .iter()
        .map(|(name, hash)| format!("{hash}  {name}\n"));
    write(&out.join(LIST), lines.collect::<String>().as_bytes())
}

/// Returns the entries of the list at `path`; none where there is no such file.
///
/// # Errors
/// A line that is not a hash and the path of a file right in one of [`FOLDERS`]. So no list can make
/// this program remove a file elsewhere.
fn read(path: &Path) -> Result<BTreeSet<Entry>> {
    if !path.exists() {
        return Ok(BTreeSet::new());
    }
    let text = fs_err::read(path)?;
    let text = String::from_utf8_lossy(&text);
    let entry = |(number, line): (usize, &str)| {
        let refused = || {
            let expected =
                "the sha256 of a file in tables/, figures/ or gallery/, two blanks, its path";
            Error::table(path, format!("line {}", number + 1), line, expected)
        };
        let (hash, name) = line.split_once("  ").ok_or_else(refused)?;
        let is_hash = hash.len() == 64 && hash.bytes().all(|byte| byte.is_ascii_hexdigit());
        match is_hash && is_listed(name) {
            true => Ok((name.to_owned(), hash.to_owned())),
            false => Err(refused()),
        }
    };
    text.lines().enumerate().map(entry).collect()
}

/// Whether `name` is the path of a file directly in one of [`FOLDERS`], not in a folder below.
fn is_listed(name: &str) -> bool {
    let mut parts = name.split('/');
    let folder = parts.next().is_some_and(|folder| FOLDERS.contains(&folder));
    let file = parts
        .next()
        .is_some_and(|file| !["", ".", ".."].contains(&file));
    folder && file && parts.next().is_none()
}

fn hash(bytes: &[u8]) -> String {
    let digest = Sha256::digest(bytes);
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}
