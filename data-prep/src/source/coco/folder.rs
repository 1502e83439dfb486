//! Finds the image files of a COCO JSON: the folder that they are in, and the file that a `file_name` means.
//!
//! Tools put images beside the JSON (Roboflow), in `data` (FiftyOne), in `images` (Label Studio), or in
//! `images/default` (CVAT), and write names with folders, full paths or web addresses.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use super::instances::Instances;
use super::layout::Part;
use crate::error::{Error, Result};
use crate::source::files::{Files, is_image, relative};
use crate::source::split::Split;

/// The number of images that are looked for in each folder to choose the folder. Chosen.
const TRIED: usize = 100;

/// The most folders that an error names. Chosen.
const MOST_NAMED: usize = 8;

/// A folder of images.
pub(super) struct ImageFolder<'a> {
    folder: PathBuf,
    /// The annotations of its images.
    instances: &'a Instances,
    /// The files in it, listed the first time that a file is not there under the name given.
    listing: OnceLock<Listing>,
}

/// The files of an image folder.
struct Listing {
    files: Files,
    /// Whether no image at all has the extension that its annotation gives. Then an image with another
    /// extension is taken in its place. Otherwise such a file may be a mask, and the image counts as missing.
    takes_other_extensions: bool,
}

/// The file of an image.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Found {
    pub path: PathBuf,
    /// The path from the image folder.
    pub file_name: String,
    /// Whether the file is not where or not called what the annotations say.
    pub is_renamed: bool,
    /// The extension that the annotations give and the one that the file has; `None` where they are the same.
    pub extensions: Option<[String; 2]>,
}

impl<'a> ImageFolder<'a> {
    /// The folder in which the images of `instances` are.
    pub(super) fn new(folder: PathBuf, instances: &'a Instances) -> Self {
        Self {
            folder,
            instances,
            listing: OnceLock::new(),
        }
    }

    /// Returns the file that `name` means; where there is none, the path at which it was expected. `None`
    /// where the name contains no file name, as `..` does not.
    pub(super) fn find(&self, name: &str) -> Option<Found> {
        let file_name = inside(name)?;
        let path = self.folder.join(&file_name);
        if path.is_file() {
            return Some(Found {
                path,
                file_name,
                is_renamed: relative(name).is_none(),
                extensions: None,
            });
        }
        let listing = self.listing.get_or_init(|| self.list());
        let looked_up = look_up(&listing.files, &self.folder, name);
        let looked_up = looked_up.filter(|hit| {
            hit.is_exact || listing.takes_other_extensions || !is_image(Path::new(&file_name))
        });
        Some(match looked_up {
            Some(hit) => Found {
                file_name: from(&self.folder, hit.path),
                path: hit.path.to_owned(),
                is_renamed: true,
                extensions: (!hit.is_exact && is_image(Path::new(&file_name)))
                    .then(|| [extension(Path::new(&file_name)), extension(hit.path)]),
            },
            None => Found {
                path,
                file_name,
                is_renamed: false,
                extensions: None,
            },
        })
    }

    fn list(&self) -> Listing {
        let files = Files::below(&self.folder).unwrap_or_default();
        let mut names = self.instances.images().iter().map(|image| &image.file_name);
        let has_exact = names.any(|name| {
            let hit = look_up(&files, &self.folder, name);
            hit.is_some_and(|hit| hit.is_exact)
        });
        Listing {
            files,
            takes_other_extensions: !has_exact,
        }
    }
}

/// Makes a `file_name` a path relative to the image folder; of a name with `../` only what follows the last one is
/// kept. `None` where nothing is left.
fn inside(name: &str) -> Option<String> {
    relative(name).or_else(|| {
        let name = name.replace('\\', "/");
        let (_, rest) = name.rsplit_once("../")?;
        relative(rest)
    })
}

/// An image found by its name.
struct Hit<'f> {
    path: &'f Path,
    /// Whether it has the extension of the name, in any case.
    is_exact: bool,
}

/// Returns the image that `name` means in `folder`: looked for by the whole name, then without its first folder,
/// its first two and so on. An image with the extension of the name is preferred to any other. The query of a web
/// address is cut off.
fn look_up<'f>(files: &'f Files, folder: &Path, name: &str) -> Option<Hit<'f>> {
    let whole = inside(name)?;
    let whole = match name.contains("://") {
        true => whole.split(['?', '#']).next().unwrap_or(&whole),
        false => &whole,
    };
    let wanted = extension(Path::new(whole));
    let folders = [folder.to_owned()];
    let mut other = None;
    let starts = whole.match_indices('/').map(|(at, _)| at + 1);
    for start in std::iter::once(0).chain(starts) {
        let Some(path) = files.image(&folders, &whole[start..]) else {
            continue;
        };
        let is_exact = extension(path) == wanted;
        let hit = Hit { path, is_exact };
        match is_exact {
            true => return Some(hit),
            false => other = other.or(Some(hit)),
        }
    }
    other
}

/// The extension of a file's name, in lower case and without the dot.
fn extension(path: &Path) -> String {
    let extension = path.extension().unwrap_or_default();
    extension.to_string_lossy().to_lowercase()
}

/// The path from `folder` to a file in it, with `/` between folders.
fn from(folder: &Path, path: &Path) -> String {
    let inside = path.strip_prefix(folder).unwrap_or(path).components();
    let parts: Vec<_> = inside
        .map(|part| part.as_os_str().to_string_lossy())
        .collect();
    parts.join("/")
}

/// Returns the folder below `root` that has most of the first [`TRIED`] images of the annotation file `part`;
/// `names` are the images' names in the annotations. Images with another extension, which may be masks, count only
/// between folders with equally many of the right extension. Of equal folders the first of [`candidates`] is taken.
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
        .filter(|name| inside(name).is_some())
        .take(TRIED)
        .collect();
    let beside = part.annotations.parent().unwrap_or(root);
    let Some(first) = names.first() else {
        return Ok(beside.to_owned());
    };
    let candidates = candidates(root, part, files);
    let mut best: Option<([usize; 2], &PathBuf)> = None;
    for folder in &candidates {
        let hits = names.iter().filter_map(|name| look_up(files, folder, name));
        let found = hits.fold([0, 0], |[exact, other], hit| match hit.is_exact {
            true => [exact + 1, other],
            false => [exact, other + 1],
        });
        // Pairs are compared by their first number, the exact names, and then by the second.
        if found > best.map_or([0, 0], |(most, _)| most) {
            best = Some((found, folder));
        }
        if found[0] == names.len() {
            break;
        }
    }
    best.map(|(_, folder)| folder.clone())
        .ok_or_else(|| not_found(root, part, first, &candidates))
}

/// Returns the error that no folder has the images; `looked_in` are the candidates.
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

/// Returns the folders in which the images of `part` may be, the likeliest first. For the folder of the JSON and
/// each folder around it up to `root` these are: the folder, its `images` and its `data`, each followed by its
/// subfolders that are named for the split or after the JSON. All other folders with images follow, except those
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
