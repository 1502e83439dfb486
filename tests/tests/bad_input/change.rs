//! What is done to one file of a valid input.

use std::path::Path;

use serde::Deserialize;

use crate::table::{Format, Table};

/// A change of one file.
#[derive(Deserialize)]
pub struct Edit {
    /// The file, relative to the input's folder.
    file: String,
    #[serde(flatten)]
    change: Change,
}

/// The changes there are, under the names they have in a file of cases.
#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Change {
    /// A text, which is there once, becomes another.
    Replace(String, String),
    /// The same wherever it is there.
    ReplaceAll(String, String),
    /// Put before everything.
    Prepend(String),
    /// Put behind everything.
    Append(String),
    /// The whole content.
    Whole(String),
    /// Only so many bytes are left.
    Truncate(usize),
    /// All bits of the byte at this position are turned.
    Flip(usize),
    /// Another name, relative to the input's folder.
    Rename(String),
    /// A file or folder lies elsewhere, and a link to it stands in its place.
    Link(String),
    /// The file goes.
    Remove(Yes),
    /// A table's (Parquet or Arrow) column goes.
    DropColumn(String),
    /// A column has another name.
    RenameColumn(String, String),
    /// A column is of another type, e.g. `["logit", "utf8"]`.
    Retype(String, String),
    /// A column's value in one row, e.g. `["width", 0, "-1"]`; bytes in hexadecimal.
    Set(String, usize, String),
    /// The same without a value.
    SetNull(String, usize),
    /// These rows, in this order.
    Rows(Vec<u32>),
    /// A key of the metadata has this value.
    Metadata(String, String),
    /// A key of the metadata goes.
    DropMetadata(String),
    /// Stored as `parquet`, `stream` or `file` (Arrow).
    Store(Format),
}

/// `true`, where there is nothing more to say.
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
    /// Makes the change in the input at `root`; says why it cannot be made.
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

    /// The file's content, changed.
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

fn move_to(from: &Path, to: &Path) {
    fs_err::create_dir_all(to.parent().unwrap()).unwrap();
    fs_err::rename(from, to).unwrap();
}

/// Writes a new file in the place of one that the valid input may share.
pub fn replace(path: &Path, bytes: &[u8]) {
    fs_err::remove_file(path).unwrap();
    fs_err::write(path, bytes).unwrap();
}
