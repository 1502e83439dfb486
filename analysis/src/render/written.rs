//! Keeps only the report's own tables and figures beside it. A file that an earlier run wrote and this one
//! does not is removed. A list beside the folders has every written file with the hash of its contents, so
//! that no file of another program is removed, nor one that was changed since.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::render::output::{File, remove, remove_leftovers, write};
use crate::{Error, Result};

/// The list: a line for each file, as sha256sum has it. While files are being written it has the former
/// and the new ones, so that whatever is there when a run is killed is listed.
pub const LIST: &str = "written.sha256";

/// The folders that are kept clean.
pub const FOLDERS: [&str; 2] = ["tables", "figures"];

/// A file as it was written: its path in the folder, and the sha256 (hex) of its contents.
type Entry = (String, String);

/// Writes `files` into the folder `out`, in order, and removes those of former runs that lie in the
/// subfolders `cleaned` and are not among them. The last one of `files` says that all are there, so an
/// older one of its name goes first. What was removed is returned, as are, second, files that would have
/// been, had they not been changed since.
///
/// # Errors
/// The operating system's, or a list that is none; what was written until then stays, the last file is
/// not there.
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
    // Those that are not listed come first: a disk that is full says so at them.
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
        write(&out.join(&file.name), &file.bytes)?;
    }
    // Of the former ones those stay listed that this run had nothing to do with.
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

fn list(out: &Path, entries: &BTreeSet<Entry>) -> Result<()> {
    let lines = entries
        .iter()
        .map(|(name, hash)| format!("{hash}  {name}\n"));
    write(&out.join(LIST), lines.collect::<String>().as_bytes())
}

/// What a list says; nothing where there is none.
fn read(path: &Path) -> Result<BTreeSet<Entry>> {
    if !path.exists() {
        return Ok(BTreeSet::new());
    }
    let text = fs_err::read(path)?;
    let text = String::from_utf8_lossy(&text);
    let entry = |(number, line): (usize, &str)| {
        let refused = || {
            let expected = "the sha256 of a file in tables/ or figures/, two blanks, its path";
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

/// Whether it is the path of a file right in one of [`FOLDERS`].
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
