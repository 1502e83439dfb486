//! Lists the files below a folder, and finds the image file that an annotation names, although its letters may
//! differ in case and its extension may be another or missing.

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};

use walkdir::{DirEntry, WalkDir};

use crate::error::Result;

/// The extensions of images that can be decoded. Of several images with one stem the one whose extension comes
/// first is taken.
pub(super) const EXTENSIONS: [&str; 10] = [
    "jpg", "jpeg", "png", "webp", "tif", "tiff", "bmp", "gif", "jfif", "jpe",
];

/// The files below a folder. Hidden files and folders are left out.
#[derive(Debug, Default)]
pub(super) struct Files {
    /// All of them, sorted.
    all: Vec<PathBuf>,
    /// The files directly in each folder.
    by_folder: HashMap<PathBuf, Names>,
}

/// The files of a folder by lower-case name, and its images by lower-case stem (the name without extension).
/// Values are indices into `all`, the list of all files. Of several images with one stem the one whose extension
/// comes first in [`EXTENSIONS`] is kept.
#[derive(Debug, Default)]
struct Names {
    names: HashMap<String, usize>,
    stems: HashMap<String, usize>,
}

impl Files {
    /// Lists the files below `root`, at any depth, as [`files_below`] does.
    ///
    /// # Errors
    /// When a folder cannot be read.
    pub(super) fn below(root: &Path) -> Result<Self> {
        let all = files_below(root, usize::MAX)?;
        let mut files = Self {
            all,
            ..Self::default()
        };
        for (index, path) in files.all.iter().enumerate() {
            let folder = path.parent().unwrap_or(root);
            if !files.by_folder.contains_key(folder) {
                files.by_folder.insert(folder.to_owned(), Names::default());
            }
            let Some(of_folder) = files.by_folder.get_mut(folder) else {
                continue;
            };
            if is_image(path) {
                let stem = of_folder.stems.entry(lower(path.file_stem()));
                let kept = stem.or_insert(index);
                if rank(path) < rank(&files.all[*kept]) {
                    *kept = index;
                }
            }
            let name = of_folder.names.entry(lower(path.file_name()));
            name.or_insert(index);
        }
        Ok(files)
    }

    /// Returns the files with this extension in any case, sorted.
    pub(super) fn with_extension(&self, extension: &str) -> impl Iterator<Item = &Path> {
        let files = self.all.iter().map(PathBuf::as_path);
        files.filter(move |path| has_extension(path, &[extension]))
    }

    /// Returns all files, sorted.
    pub(super) fn all(&self) -> impl Iterator<Item = &Path> {
        self.all.iter().map(PathBuf::as_path)
    }

    /// Returns the images, sorted.
    pub(super) fn images(&self) -> impl Iterator<Item = &Path> {
        self.all
            .iter()
            .map(PathBuf::as_path)
            .filter(|path| is_image(path))
    }

    /// Returns the image that `name` (a path relative to a folder) means in the first of `folders` that has
    /// one: the file of exactly that name, else one whose name differs only in case, else one with that stem.
    pub(super) fn image(&self, folders: &[PathBuf], name: &str) -> Option<&Path> {
        let name = Path::new(name);
        let in_folder = |folder: &PathBuf| {
            let path = folder.join(name);
            if is_image(&path) && self.all.binary_search(&path).is_ok() {
                return self.all.binary_search(&path).ok();
            }
            let of_folder = self.by_folder.get(path.parent().unwrap_or(folder))?;
            let by_name = of_folder.names.get(&lower(path.file_name()));
            let by_name = by_name.filter(|index| is_image(&self.all[**index]));
            let by_stem = || of_folder.stems.get(&lower(path.file_stem()));
            by_name.or_else(by_stem).copied()
        };
        folders
            .iter()
            .find_map(in_folder)
            .map(|index| self.all[index].as_path())
    }
}

/// Lists the files that are at most `depth` levels below `root` (1: directly in it), sorted folder by folder. Hidden
/// files and folders are left out. Symbolic links are followed; those that lead nowhere, or to a folder around them,
/// are left out: a file that is missing because of them is reported where it is needed.
///
/// # Errors
/// When a folder cannot be read.
pub(super) fn files_below(root: &Path, depth: usize) -> Result<Vec<PathBuf>> {
    let walk = WalkDir::new(root).max_depth(depth).follow_links(true);
    let is_seen = |entry: &DirEntry| {
        entry.depth() == 0 || !entry.file_name().to_string_lossy().starts_with('.')
    };
    let walk = walk.sort_by_file_name().into_iter().filter_entry(is_seen);
    let mut files = Vec::new();
    for entry in walk {
        match entry {
            Ok(entry) if entry.file_type().is_file() => files.push(entry.into_path()),
            Ok(_) => {}
            Err(error) if error.depth() > 0 && leads_nowhere(&error) => {}
            Err(error) => return Err(io::Error::from(error).into()),
        }
    }
    Ok(files)
}

/// Whether a walk's error is about a link that leads nowhere or to a folder around it, or about what was removed
/// since its folder was read.
fn leads_nowhere(error: &walkdir::Error) -> bool {
    let is_gone = |error: &io::Error| error.kind() == io::ErrorKind::NotFound;
    let is_dead_link = |path: &Path| path.is_symlink() && path.metadata().is_err();
    error.loop_ancestor().is_some()
        || error.io_error().is_some_and(is_gone)
        || error.path().is_some_and(is_dead_link)
}

/// The place of a file's extension in [`EXTENSIONS`]; `None` where it is not an image's.
fn rank(image: &Path) -> Option<usize> {
    let extension = lower(image.extension());
    EXTENSIONS.iter().position(|known| *known == extension)
}

/// Whether a file has one of the extensions of images, in any case.
pub(super) fn is_image(path: &Path) -> bool {
    has_extension(path, &EXTENSIONS)
}

fn has_extension(path: &Path, extensions: &[&str]) -> bool {
    extensions.contains(&&*lower(path.extension()))
}

fn lower(name: Option<&std::ffi::OsStr>) -> String {
    name.unwrap_or_default().to_string_lossy().to_lowercase()
}

/// Makes a name from an annotation a relative path with `/` between folders: drops `./`, a drive letter and a
/// leading `/`. `None` where nothing is left or the name has a part `..`, which could lead out of its folder.
pub(super) fn relative(name: &str) -> Option<String> {
    let name = name.replace('\\', "/");
    let name = match name.as_bytes() {
        [drive, b':', ..] if drive.is_ascii_alphabetic() => &name[2..],
        _ => &name,
    };
    let mut parts = Vec::new();
    for part in name.split('/') {
        match part {
            "" | "." => {}
            ".." => return None,
            part => parts.push(part),
        }
    }
    (!parts.is_empty()).then(|| parts.join("/"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn links_that_lead_nowhere_or_back_do_not_hide_the_other_files() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        fs_err::create_dir(root.join("in")).unwrap();
        fs_err::write(root.join("in/a.jpg"), "").unwrap();
        symlink("a.jpg", root.join("in/b.jpg")).unwrap();
        symlink("none.jpg", root.join("in/dangling.jpg")).unwrap();
        symlink("self.jpg", root.join("in/self.jpg")).unwrap();
        symlink("a.jpg/none", root.join("in/below_a_file.jpg")).unwrap();
        symlink("..", root.join("in/around")).unwrap();
        let files = Files::below(root).unwrap();
        let found: Vec<&Path> = files.all().collect();
        assert_eq!(found, [root.join("in/a.jpg"), root.join("in/b.jpg")]);
        assert_eq!(files_below(root, 1).unwrap(), Vec::<PathBuf>::new());
        assert!(files_below(&root.join("none"), 1).is_err());
    }
}
