//! A copy of a valid input to change, and what of it a message may say.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// A copy of the valid input, and where results go.
pub struct Copy {
    pub input: PathBuf,
    pub out: PathBuf,
}

impl Copy {
    /// All files, with their lengths.
    pub fn files(&self) -> BTreeMap<PathBuf, u64> {
        [&self.input, &self.out]
            .into_iter()
            .flat_map(|folder| files(folder))
            .map(|path| {
                let length = fs_err::symlink_metadata(&path).unwrap().len();
                (path, length)
            })
            .collect()
    }

    /// `text` with the folders' names for their paths, and without what a change of the valid input
    /// or of the program's version changes: `<SHA-256>` and `<RUN>` (a run's id) for their digits.
    pub fn shown(&self, text: &str) -> String {
        let text = text.replace(self.input.to_str().unwrap(), "<IN>");
        let text = text.replace(self.out.to_str().unwrap(), "<OUT>");
        let words = text.split_inclusive(|c: char| !c.is_ascii_alphanumeric());
        words
            .map(|word| {
                let digits = word.trim_end_matches(|c: char| !c.is_ascii_alphanumeric());
                match digits.chars().all(|c| c.is_ascii_hexdigit()) {
                    true if digits.len() == 64 => word.replace(digits, "<SHA-256>"),
                    true if digits.len() == 12 => word.replace(digits, "<RUN>"),
                    _ => word.to_owned(),
                }
            })
            .collect()
    }
}

/// All files under `folder`.
pub fn files(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs_err::read_dir(folder) else {
        return Vec::new();
    };
    let paths = entries.map(|entry| entry.unwrap().path());
    paths
        .flat_map(|path| match path.is_dir() {
            true => files(&path),
            false => vec![path],
        })
        .collect()
}
