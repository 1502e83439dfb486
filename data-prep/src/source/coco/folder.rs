//! Finds the images of a COCO JSON: the folder that they are in, and the file that a `file_name` means.
//!
//! Tools put images beside the JSON (Roboflow), in `data` (FiftyOne), in `images` (Label Studio), or in
//! `images/default` (CVAT), and write names with folders, a full path or an address of another machine.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use super::layout::Part;
use crate::error::{Error, Result};
use crate::source::files::{Files, relative};
use crate::source::split::Split;

/// The number of images that are looked for in each folder.
const TRIED: usize = 100;

/// The most folders that an error names.
const MOST_NAMED: usize = 8;

/// A folder of images.
pub(super) struct ImageFolder {
    folder: PathBuf,
    /// The files in it, listed when a file is not there under the name given.
    files: OnceLock<Files>,
}

/// The file of an image.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Found {
    pub path: PathBuf,
    /// The path from the image folder.
    pub file_name: String,
    /// Whether it is another name than the annotations give.
    pub is_renamed: bool,
}

impl ImageFolder {
    pub(super) fn new(folder: PathBuf) -> Self {
        Self {
            folder,
            files: OnceLock::new(),
        }
    }

    /// Returns the file that `name` means; where there is none, the path at which it was expected. `None`
    /// where the name leads out of the folder by `..`.
    pub(super) fn find(&self, name: &str) -> Option<Found> {
        let file_name = relative(name)?;
        let path = self.folder.join(&file_name);
        if path.is_file() {
            return Some(Found {
                path,
                file_name,
                is_renamed: false,
            });
        }
        let list = || Files::below(&self.folder).unwrap_or_default();
        let files = self.files.get_or_init(list);
        Some(match look_up(files, &self.folder, name) {
            Some(path) => Found {
                file_name: from(&self.folder, path),
                path: path.to_owned(),
                is_renamed: true,
            },
            None => Found {
                path,
                file_name,
                is_renamed: false,
            },
        })
    }
}

/// Returns the image that `name` means in `folder`: by all of the name, else by its last part.
fn look_up<'f>(files: &'f Files, folder: &Path, name: &str) -> Option<&'f Path> {
    let whole = relative(name)?;
    let last = whole.rsplit('/').next().unwrap_or(&whole);
    let last = match name.contains("://") {
        true => last.split(['?', '#']).next().unwrap_or(last),
        false => last,
    };
    let folders = [folder.to_owned()];
    let found = files.image(&folders, &whole);
    found.or_else(|| files.image(&folders, last))
}

/// The path from `folder` to a file in it, with `/` between folders.
fn from(folder: &Path, path: &Path) -> String {
    let inside = path.strip_prefix(folder).unwrap_or(path).components();
    let parts: Vec<_> = inside
        .map(|part| part.as_os_str().to_string_lossy())
        .collect();
    parts.join("/")
}

/// Returns the folder below `root` in which most of the first images of `part` are; their `names` are as
/// the annotations give them. Of several folders the first in the order of [`candidates`] is taken.
///
/// # Errors
/// When none of them is in any folder. The error names the folders looked in.
pub(super) fn choose<'n>(
    root: &Path,
    part: &Part,
    files: &Files,
    names: impl Iterator<Item = &'n str>,
) -> Result<PathBuf> {
    let names: Vec<&str> = names
        .filter(|name| relative(name).is_some())
        .take(TRIED)
        .collect();
    let beside = part.annotations.parent().unwrap_or(root);
    let Some(first) = names.first() else {
        return Ok(beside.to_owned());
    };
    let candidates = candidates(root, part, files);
    let mut best: Option<(usize, &PathBuf)> = None;
    for folder in &candidates {
        let found = names
            .iter()
            .filter(|name| look_up(files, folder, name).is_some())
            .count();
        if found > best.map_or(0, |(most, _)| most) {
            best = Some((found, folder));
        }
        if found == names.len() {
            break;
        }
    }
    best.map(|(_, folder)| folder.clone())
        .ok_or_else(|| not_found(root, part, first, &candidates))
}

fn not_found(root: &Path, part: &Part, name: &str, looked_in: &[PathBuf]) -> Error {
    let looked_in: Vec<String> = looked_in
        .iter()
        .filter(|folder| folder.is_dir())
        .map(|folder| match folder.strip_prefix(root) {
            Ok(inside) if inside.as_os_str().is_empty() => ".".to_owned(),
            Ok(inside) => inside.display().to_string(),
            Err(_) => folder.display().to_string(),
        })
        .collect();
    let more = looked_in.len().saturating_sub(MOST_NAMED);
    let mut places = looked_in[..looked_in.len() - more].join(", ");
    if more > 0 {
        places += &format!(" and {more} more");
    }
    let name = crate::error::quoted(name);
    let found = format!("no {name} in any folder looked in ({places})");
    let expected = "the images in one of them, or --train FILE=IMAGES (--val, --test)";
    Error::layout(&part.annotations, "image folder", found, expected)
}

/// Returns the folders in which the images of `part` may be, the likeliest first: for the folder of the
/// JSON and those around it up to `root`, the folder, its `images` and its `data`, each followed by what
/// is in it and is named for the split or after the JSON; then all other folders with images that are not
/// named for another split.
fn candidates(root: &Path, part: &Part, files: &Files) -> Vec<PathBuf> {
    let holding = holding_images(root, files);
    let stem = part.annotations.file_stem().unwrap_or_default();
    let stem = stem.to_string_lossy();
    let word = stem.strip_prefix("instances_").unwrap_or(&stem);
    let is_for_part = |folder: &Path| {
        let name = folder.file_name().unwrap_or_default().to_string_lossy();
        name == word || (part.split.is_some() && Split::named_in(&name) == part.split)
    };
    let mut candidates: Vec<PathBuf> = Vec::new();
    let around = part.annotations.ancestors().skip(1);
    for around in around.take_while(|folder| folder.starts_with(root)) {
        for folder in [
            around.to_owned(),
            around.join("images"),
            around.join("data"),
        ] {
            let inside = holding
                .iter()
                .filter(|inner| inner.parent() == Some(&*folder) && is_for_part(inner));
            candidates.push(folder.clone());
            candidates.extend(inside.cloned());
        }
    }
    let is_for_another = |folder: &&PathBuf| {
        let inside = folder.strip_prefix(root).unwrap_or(folder).iter();
        let mut named = inside.filter_map(|name| Split::named_in(&name.to_string_lossy()));
        part.split.is_some() && named.any(|split| Some(split) != part.split)
    };
    let others = holding.iter().filter(|folder| !is_for_another(folder));
    candidates.extend(others.cloned());
    let mut seen = BTreeSet::new();
    candidates.retain(|folder| seen.insert(folder.clone()));
    candidates
}

/// The folders below `root` that have images in them, at any depth.
fn holding_images(root: &Path, files: &Files) -> BTreeSet<PathBuf> {
    let mut holding = BTreeSet::new();
    for image in files.images() {
        for folder in image.ancestors().skip(1) {
            if !folder.starts_with(root) || !holding.insert(folder.to_owned()) {
                break;
            }
        }
    }
    holding
}
