//! A copy of a valid input, which a test changes. In messages its paths are replaced by `<IN>` and `<OUT>`, so that a
//! case can state a message in full.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// A copy of a valid input, and a folder for the program's results.
pub struct Copy {
    /// The copy's folder, `<IN>` in a case.
    pub input: PathBuf,
    /// The results' folder, `<OUT>` in a case; it does not exist at first.
    pub out: PathBuf,
}

impl Copy {
    /// Returns all files in both folders with their lengths in bytes.
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

    /// Returns `text` with `<IN>` and `<OUT>` in the place of the two paths. Words of 64 hex digits become `<SHA-256>`
    /// and words of 12 become `<RUN>`, because hashes and run ids change with the valid input and with the program's
    /// version. (COCO's image ids have 12 digits, too, and would be replaced as well.)
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

/// Returns all files under `folder`; none where it does not exist.
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
