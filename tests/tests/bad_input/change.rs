//! The changes that a case of bad input makes to a file of a valid input ([`Edit`]).

use std::path::Path;

use serde::Deserialize;

use crate::table::{Format, Table};

/// A change of one file.
#[derive(Deserialize)]
pub struct Edit {
    /// The file, relative to the input's folder.
    file: String,
    /// What is done to it.
    #[serde(flatten)]
    change: Change,
}

/// All changes. In a file of cases they are written in snake case, e.g. `replace_all`.
#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Change {
    /// Replaces the first text, which must occur exactly once, by the second.
    Replace(String, String),
    /// Replaces the first text by the second wherever it occurs.
    ReplaceAll(String, String),
    /// Adds text at the file's beginning.
    Prepend(String),
    /// Adds text at the file's end.
    Append(String),
    /// Replaces the whole content.
    Whole(String),
    /// Cuts the file after so many bytes.
    Truncate(usize),
    /// Flips all bits of the byte at this offset.
    Flip(usize),
    /// Moves the file to this path, relative to the input's folder.
    Rename(String),
    /// Moves the file or folder to this path, relative to the input's folder, and puts a symbolic link to it in its
    /// place.
    Link(String),
    /// Removes the file.
    Remove(Yes),
    /// Removes a column of a table (Parquet or Arrow).
    DropColumn(String),
    /// Renames a column.
    RenameColumn(String, String),
    /// Gives a column another type, e.g. `["logit", "utf8"]`; its values become zeros.
    Retype(String, String),
    /// Sets a column's value in one row, counted from 0, e.g. `["width", 0, "-1"]`; bytes are written in hexadecimal.
    Set(String, usize, String),
    /// Sets a column's value in one row to null.
    SetNull(String, usize),
    /// Keeps only the rows with these indices, in this order; an index may be repeated.
    Rows(Vec<u32>),
    /// Sets a key of the table's metadata.
    Metadata(String, String),
    /// Removes a key of the table's metadata.
    DropMetadata(String),
    /// Stores the table as `parquet`, `stream` (Arrow IPC stream) or `file` (Arrow IPC file).
    Store(Format),
}

/// The value `true`, for a key of a case that takes no other value, as in `remove = true`.
#[derive(Deserialize)]
#[serde(try_from = "bool")]
pub struct Yes;

impl TryFrom<bool> for Yes {
    type Error = &'static str;

    fn try_from(value: bool) -> Result<Self, Self::Error> {
        value.then_some(Yes).ok_or("expected true")
    }
}

impl Edit {
    /// Makes the change in the input at `root`, or returns why it cannot be made.
    pub fn apply(&self, root: &Path) -> Result<(), String> {
        let path = root.join(&self.file);
        match &self.change {
            Change::Remove(_) => fs_err::remove_file(&path).unwrap(),
            Change::Rename(to) => move_to(&path, &root.join(to)),
            Change::Link(to) => {
                move_to(&path, &root.join(to));
                std::os::unix::fs::symlink(root.join(to), &path).unwrap();
            }
            change => replace(&path, &self.changed(change, &path)?),
        }
        Ok(())
    }

    /// Returns the file's changed content.
    fn changed(&self, change: &Change, path: &Path) -> Result<Vec<u8>, String> {
        let bytes = fs_err::read(path).map_err(|error| error.to_string())?;
        let text = || String::from_utf8(bytes.clone()).map_err(|error| error.to_string());
        let table = |change: &dyn Fn(&mut Table) -> Result<(), String>| {
            let mut table = Table::read(path);
            change(&mut table).map_err(|reason| format!("{}: {reason}", self.file))?;
            Ok::<_, String>(table.bytes())
        };
        Ok(match change {
            Change::Replace(from, to) => {
                let text = text()?;
                match text.matches(from.as_str()).count() {
                    1 => text.replace(from, to).into_bytes(),
                    n => return Err(format!("{from:?} is {n} times in {}", self.file)),
                }
            }
            Change::ReplaceAll(from, to) => {
                let changed = text()?.replace(from, to).into_bytes();
                if changed == bytes {
                    return Err(format!("no {from:?} in {}", self.file));
                }
                changed
            }
            Change::Prepend(text) => [text.as_bytes(), &bytes].concat(),
            Change::Append(text) => [&bytes, text.as_bytes()].concat(),
            Change::Whole(text) => text.clone().into_bytes(),
            Change::Truncate(length) if *length < bytes.len() => bytes[..*length].to_vec(),
            Change::Flip(at) if *at < bytes.len() => {
                let mut changed = bytes;
                changed[*at] ^= 0xff;
                changed
            }
            Change::Truncate(at) | Change::Flip(at) => {
                return Err(format!("{} has no byte {at}", self.file));
            }
            Change::Rename(_) | Change::Link(_) | Change::Remove(_) => unreachable!("no content"),
            Change::DropColumn(name) => table(&|table| table.drop(name))?,
            Change::RenameColumn(from, to) => table(&|table| table.rename(from, to))?,
            Change::Retype(name, kind) => table(&|table| table.retype(name, kind))?,
            Change::Set(name, row, value) => table(&|table| table.set(name, *row, Some(value)))?,
            Change::SetNull(name, row) => table(&|table| table.set(name, *row, None))?,
            Change::Rows(rows) => table(&|table| table.take(rows))?,
            Change::Metadata(key, value) => table(&|table| table.tell(key, Some(value)))?,
            Change::DropMetadata(key) => table(&|table| table.tell(key, None))?,
            Change::Store(format) => table(&|table| {
                table.format = *format;
                Ok(())
            })?,
        })
    }
}

/// Renames a file, making the folder it goes to.
fn move_to(from: &Path, to: &Path) {
    fs_err::create_dir_all(to.parent().unwrap()).unwrap();
    fs_err::rename(from, to).unwrap();
}

/// Replaces a file by a new one. Writing into the old file would change the valid input as well, because the copies
/// of it are hard links.
pub fn replace(path: &Path, bytes: &[u8]) {
    fs_err::remove_file(path).unwrap();
    fs_err::write(path, bytes).unwrap();
}
