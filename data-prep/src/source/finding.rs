//! Finds the images that lists and tables of the user's own data name, gives them ids, and reads their sizes.

use std::collections::HashMap;
use std::path::{Component, Path, PathBuf};

use super::files::{self, Files};
use crate::error::{Problem, Result, unreadable};
use crate::image::decode;

/// The images below a folder.
pub(super) struct Gallery {
    files: Files,
    /// Images by their lower-case file name, and by that name without its extension; `None` where several
    /// images have it.
    by_name: HashMap<String, Option<PathBuf>>,
}

/// The image that a name in a list or table means.
#[derive(Debug)]
pub(super) struct Found<'a> {
    pub path: &'a Path,
    /// The folders that had to be cut from the beginning of the written name to find the file; empty where
    /// none had to be.
    pub without: String,
}

impl Gallery {
    /// Lists the images below `root`.
    ///
    /// # Errors
    /// When a folder cannot be read.
    pub(super) fn below(root: &Path) -> Result<Self> {
        let files = Files::below(root)?;
        let mut by_name: HashMap<String, Option<PathBuf>> = HashMap::new();
        for path in files.images() {
            for name in [path.file_name(), path.file_stem()].into_iter().flatten() {
                by_name
                    .entry(name.to_string_lossy().to_lowercase())
                    .and_modify(|found| *found = None)
                    .or_insert_with(|| Some(path.to_owned()));
            }
        }
        Ok(Self { files, by_name })
    }

    /// Returns the files below the folder.
    pub(super) fn files(&self) -> &Files {
        &self.files
    }

    /// Returns the image that the name `written` means. It is looked for as a path below each of `folders`;
    /// then without its first folder, its first two and so on, because lists keep the folders of the computer
    /// that they were written on; at last as the only image below the root with that file name.
    ///
    /// # Errors
    /// When there is no such image, or several. The error is the second half of a message, what was expected.
    pub(super) fn find(
        &self,
        folders: &[PathBuf],
        written: &str,
    ) -> Result<Found<'_>, &'static str> {
        const MISSING: &str = "an image in the folder of images";
        let written = written.replace('\\', "/");
        let inside = written.trim_start_matches("./").trim_start_matches("../");
        let name = files::relative(inside).ok_or(MISSING)?;
        let parts: Vec<&str> = name.split('/').collect();
        for skipped in 0..parts.len() {
            if let Some(path) = self.files.image(folders, &parts[skipped..].join("/")) {
                let without = parts[..skipped].join("/");
                return Ok(Found { path, without });
            }
        }
        let (last, folders) = parts.split_last().ok_or(MISSING)?;
        let last = last.to_lowercase();
        let stem = Path::new(&last)
            .file_stem()
            .map(|stem| stem.to_string_lossy());
        let names = [
            Some(&*last),
            stem.as_deref()
                .filter(|_| files::is_image(Path::new(&last))),
        ];
        match names
            .into_iter()
            .flatten()
            .find_map(|name| self.by_name.get(name))
        {
            Some(Some(path)) => Ok(Found {
                path,
                without: folders.join("/"),
            }),
            Some(None) => Err("a path, because images in several folders are called so"),
            None => Err(MISSING),
        }
    }
}

/// Notices when two different written names were shortened to the same file: that file and the folders that were
/// cut from the first name ([`Found::without`]).
#[derive(Default)]
pub(super) struct Shortened(HashMap<PathBuf, String>);

impl Shortened {
    /// Refuses an image that was found before by a name from which other folders were cut.
    ///
    /// # Errors
    /// The second half of a message: what was expected.
    pub(super) fn check(&mut self, found: &Found) -> Result<(), String> {
        let before = self
            .0
            .entry(found.path.to_owned())
            .or_insert_with(|| found.without.clone());
        match *before == found.without {
            true => Ok(()),
            false => Err(format!(
                "a file of its own: {before}/… means {} as well",
                found.path.display()
            )),
        }
    }
}

/// Returns the name and the id of each image of `paths`. The name is the path relative to `root`, with `/` between
/// folders; the id is the name without extension, or the whole name where several images share that.
pub(super) fn names_and_ids(root: &Path, paths: &[&Path]) -> Vec<(String, String)> {
    let name = |path: &Path| -> String {
        let inside = path.strip_prefix(root).unwrap_or(path);
        let parts = inside.components().filter_map(|part| match part {
            Component::Normal(part) => Some(part.to_string_lossy()),
            _ => None,
        });
        parts.collect::<Vec<_>>().join("/")
    };
    let stem = |name: &str| {
        Path::new(name)
            .with_extension("")
            .to_string_lossy()
            .into_owned()
    };
    let names: Vec<String> = paths.iter().map(|path| name(path)).collect();
    let mut counts: HashMap<String, usize> = HashMap::new();
    for name in &names {
        *counts.entry(stem(name)).or_default() += 1;
    }
    let with_id = |name: String| {
        let id = stem(&name);
        match counts.get(&id) {
            Some(1) => (name, id),
            _ => (name.clone(), name),
        }
    };
    names.into_iter().map(with_id).collect()
}

/// Returns an image's width and height in pixels, as stored (before any EXIF rotation): those in its header or,
/// where the header is not understood, those of the decoded image.
///
/// # Errors
/// When the file cannot be read, or is no image.
pub(super) fn size_of(path: &Path) -> Result<(u32, u32), Problem> {
    if let Ok(size) = imagesize::size(path)
        && let (Ok(width), Ok(height)) = (size.width.try_into(), size.height.try_into())
        && width > 0
        && height > 0
    {
        return Ok((width, height));
    }
    let bytes = fs_err::read(path)
        .map_err(|error| Problem::new(path, "file", unreadable(&error), "an image"))?;
    let image = decode::decode(&bytes)
        .map_err(|error| Problem::new(path, "image", error.found, error.expected))?;
    Ok((image.width as u32, image.height as u32))
}
