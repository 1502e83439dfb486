//! Lists the files below a folder, and finds the image file that an annotation names, although its letters may
//! differ in case and its extension may be another or missing.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

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
    /// Lists the files below `root`, at any depth. Symbolic links are followed; broken ones are left out.
    ///
    /// # Errors
    /// When a folder cannot be read.
    pub(super) fn below(root: &Path) -> Result<Self> {
        let mut all = Vec::new();
        let walk = walkdir::WalkDir::new(root)
            .follow_links(true)
            .sort_by_file_name();
        let is_seen = |entry: &walkdir::DirEntry| {
            entry.depth() == 0 || !entry.file_name().to_string_lossy().starts_with('.')
        };
        for entry in walk.into_iter().filter_entry(is_seen) {
            let entry = match entry.map_err(|error| (error.depth(), std::io::Error::from(error))) {
                Ok(entry) => entry,
                Err((1.., error)) if error.kind() == std::io::ErrorKind::NotFound => continue,
                Err((_, error)) => return Err(error.into()),
            };
            if entry.file_type().is_file() {
                all.push(entry.into_path());
            }
        }
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
