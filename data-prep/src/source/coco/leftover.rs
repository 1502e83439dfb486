//! Counts the images that lie beside those of the annotations and are in none of these.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use crate::source::files::is_image;
use crate::words;

/// Returns the note on images in the folders of the `used` ones, not in folders in these, that are not used;
/// `None` where there are none. What is called like a used image but for the extension may be its mask.
pub(super) fn note<'a>(used: impl Iterator<Item = &'a Path>) -> Option<String> {
    let mut folders: HashSet<&Path> = HashSet::new();
    let mut stems: HashSet<PathBuf> = HashSet::new();
    for image in used {
        folders.extend(image.parent());
        stems.insert(image.with_extension(""));
    }
    let left_out: usize = folders.into_iter().map(|it| count(it, &stems)).sum();
    (left_out > 0).then(|| {
        let images = words::images(left_out, "is", "are");
        format!("{images} not annotated: left out")
    })
}

/// Returns the number of images in a folder without those of these stems; 0 where it cannot be read, which is
/// no matter of a note.
fn count(folder: &Path, stems: &HashSet<PathBuf>) -> usize {
    let Ok(entries) = fs_err::read_dir(folder) else {
        return 0;
    };
    let paths = entries.flatten().map(|entry| entry.path());
    let is_left_out = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default();
        is_image(path)
            && !name.to_string_lossy().starts_with('.')
            && !stems.contains(&path.with_extension(""))
            && path.is_file()
    };
    paths.filter(is_left_out).count()
}
