//! Counts the image files that lie beside annotated ones but are in no annotation file.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use crate::source::files::is_image;
use crate::words;

/// Returns the note on how many images are left out: they lie directly in a folder of a `used` image and are not
/// annotated. `None` where there are none. A file that differs from a used image only in its extension is not
/// counted, as it may be the image's mask.
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

/// Returns the number of images in a folder whose path without extension is not in `stems`; 0 where the folder cannot
/// be read, since only a note depends on it.
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
