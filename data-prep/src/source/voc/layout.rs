//! Finds the annotations of a folder. In the layout of VOC's devkit they are those that the image sets
//! (`ImageSets/Main/*.txt`, lists of image names) list, as in VOC and exports of CVAT; otherwise every XML file below
//! the folder, as Roboflow, LabelImg and Kaggle have them.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::text::lines;
use crate::error::{Error, Problem, Result};
use crate::source::files::{Files, is_image};
use crate::source::record::is_inside;
use crate::source::split::Split;

/// The names of the groups (subsets of images with results of their own) where the test set has a part with another
/// distribution, listed in `ImageSets/Main/test_shifted.txt`: the embedded scenes.
const SHIFT_GROUPS: [&str; 2] = ["in-distribution", "shifted"];
/// The image set of all images for training and validation together.
const TRAINVAL: &str = "trainval";
/// CVAT's image set of images in no subset.
const DEFAULT: &str = "default";

/// An annotation that was found and not yet read.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) image_id: String,
    /// The annotation file.
    pub(super) xml: PathBuf,
    /// The split, where the image sets or the folders' names say one.
    pub(super) split: Option<Split>,
    /// Index into [`SHIFT_GROUPS`], where there is a shifted part.
    pub(super) group_id: Option<i32>,
    /// The folder that may hold the folder `SegmentationObject`, and the name of this image's file there, without
    /// extension.
    pub(super) shapes: (Arc<Path>, String),
}

/// The annotations of a folder.
#[derive(Debug)]
pub(super) struct Layout {
    /// The devkit's folder, or the folder that all files are below.
    pub(super) folder: PathBuf,
    /// Whether it is a devkit, whose image sets list the annotations.
    pub(super) is_devkit: bool,
    pub(super) entries: Vec<Entry>,
    /// Ids and names of the groups; empty without a shifted part.
    pub(super) groups: Vec<(i32, String)>,
    /// The files among which the images are looked for.
    pub(super) files: Files,
    /// Lines of image sets that name no image.
    pub(super) problems: Vec<Problem>,
}

impl Layout {
    /// Finds the annotations in `root`, which is a devkit, contains one, or has XML files at any depth.
    ///
    /// # Errors
    /// When there is neither, a list or folder cannot be read, or the lists name no image.
    pub(super) fn find(root: &Path) -> Result<Self> {
        match devkit_in(root)? {
            Some(devkit) => Self::of_devkit(devkit),
            None => Self::of_files(root),
        }
    }

    /// Finds the annotations that the image sets of a devkit list. Where `trainval` serves as train, images that other
    /// sets list are left out of it.
    fn of_devkit(folder: PathBuf) -> Result<Self> {
        let sets = folder.join("ImageSets").join("Main");
        let shifted: Option<HashSet<String>> =
            lines(&sets.join("test_shifted.txt"))?.map(|lines| {
                lines
                    .iter()
                    .map(|(_, line)| image_id(&folder, line))
                    .collect()
            });
        let groups = match shifted {
            Some(_) => (0..).zip(SHIFT_GROUPS.map(str::to_owned)).collect(),
            None => Vec::new(),
        };
        let mut entries = Vec::new();
        let mut problems = Vec::new();
        let shapes: Arc<Path> = folder.as_path().into();
        for (split, path) in lists(&sets)? {
            let is_trainval = named(&path) == TRAINVAL;
            let before: HashSet<String> = match is_trainval {
                true => entries
                    .iter()
                    .map(|entry: &Entry| entry.image_id.clone())
                    .collect(),
                false => HashSet::new(),
            };
            for (number, line) in lines(&path)?.unwrap_or_default() {
                let image_id = image_id(&folder, &line);
                if !is_inside(&image_id) {
                    let expected = "the name of an image in the devkit";
                    let field = format!("line {number}");
                    problems.push(Problem::new(&path, field, image_id, expected));
                    continue;
                }
                if before.contains(&image_id) {
                    continue; // it is in val or test
                }
                let is_shifted = |shifted: &HashSet<String>| {
                    i32::from(split == Some(Split::Test) && shifted.contains(&image_id))
                };
                entries.push(Entry {
                    xml: annotation_path(&folder, &image_id),
                    split,
                    group_id: shifted.as_ref().map(is_shifted),
                    shapes: (Arc::clone(&shapes), image_id.clone()),
                    image_id,
                });
            }
        }
        if entries.is_empty() {
            return Err(Error::layout(
                sets,
                "image sets",
                "no image in train.txt, val.txt or test.txt",
                "at least one of the three, or default.txt or trainval.txt",
            ));
        }
        entries.sort_by_key(|entry| entry.split); // stable
        let images = folder.join("JPEGImages");
        let files = Files::below(if images.is_dir() { &images } else { &folder })?;
        Ok(Self {
            folder,
            is_devkit: true,
            entries,
            groups,
            files,
            problems,
        })
    }

    /// Takes every XML file below `root` as an annotation.
    fn of_files(root: &Path) -> Result<Self> {
        let files = match root.is_dir() {
            true => Files::below(root)?,
            false => Files::default(),
        };
        let entry = |xml: &Path| {
            let relative = xml.strip_prefix(root).unwrap_or(xml).with_extension("");
            let folder = xml.parent().unwrap_or(root);
            let beside = folder.parent().unwrap_or(root).into();
            let stem = xml.file_stem().unwrap_or_default().to_string_lossy();
            Entry {
                image_id: slashed(&relative),
                split: split_of(root, xml),
                group_id: None,
                shapes: (beside, stem.into_owned()),
                xml: xml.to_owned(),
            }
        };
        let entries: Vec<Entry> = files.with_extension("xml").map(entry).collect();
        if entries.is_empty() {
            let found = match root.is_dir() {
                true => "no ImageSets/Main and no XML file",
                false => "no such folder",
            };
            let expected = "VOCdevkit, VOCdevkit/VOC2007, a folder that holds ImageSets/Main, or one with \
                            XML files";
            return Err(Error::layout(root, "VOC devkit", found, expected));
        }
        Ok(Self {
            folder: root.to_owned(),
            is_devkit: false,
            entries,
            groups: Vec::new(),
            files,
            problems: Vec::new(),
        })
    }
}

/// Returns the devkit at `root` or up to two folders below it: VOC 2007's, or the only one; `None` where there is none.
///
/// # Errors
/// When there are several, none of them VOC 2007's.
pub(super) fn devkit_in(root: &Path) -> Result<Option<PathBuf>> {
    let is_devkit = |folder: &PathBuf| folder.join("ImageSets").join("Main").is_dir();
    let usual = [
        root.to_owned(),
        root.join("VOC2007"),
        root.join("VOCdevkit").join("VOC2007"),
    ];
    if let Some(folder) = usual.into_iter().find(is_devkit) {
        return Ok(Some(folder));
    }
    let walk = walkdir::WalkDir::new(root).min_depth(1).max_depth(2);
    let folders = walk.sort_by_file_name().into_iter().flatten();
    let folders = folders.filter(|entry| entry.file_type().is_dir());
    let mut devkits = folders.map(|entry| entry.into_path()).filter(is_devkit);
    match (devkits.next(), devkits.next()) {
        (Some(one), Some(other)) => {
            let found = format!("{} and {}", one.display(), other.display());
            Err(Error::layout(
                root,
                "VOC devkit",
                found,
                "one folder that holds ImageSets/Main",
            ))
        }
        (one, _) => Ok(one),
    }
}

/// Returns the image sets in the folder `sets` that are read, each with its split. Where none is named for a split, a
/// single set of all images is returned, without a split: `trainval`, `default` or the only one there is.
fn lists(sets: &Path) -> Result<Vec<(Option<Split>, PathBuf)>> {
    let mut all: BTreeMap<String, PathBuf> = BTreeMap::new();
    for entry in fs_err::read_dir(sets)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "txt") {
            all.insert(named(&path), path);
        }
    }
    // A name of several words, such as `aeroplane_train`, belongs to a set for one class, which is not read.
    let of_split = |split: Split, name: &str| {
        let is_word = name.chars().all(char::is_alphabetic) && name != TRAINVAL;
        is_word && Split::named_in(name) == Some(split)
    };
    let mut lists = Vec::new();
    for split in Split::ALL {
        let exact = all.get(split.as_ref());
        let other = || all.iter().find(|(name, _)| of_split(split, name));
        if let Some(path) = exact.or_else(|| Some(other()?.1)) {
            lists.push((Some(split), path.clone()));
        }
    }
    let trainval = all.get(TRAINVAL);
    if lists.is_empty() {
        let one = match all.len() {
            1 => all.values().next(),
            _ => None,
        };
        let path = trainval.or(all.get(DEFAULT)).or(one);
        lists.extend(path.map(|path| (None, path.clone())));
    } else if lists.iter().all(|(split, _)| *split != Some(Split::Train)) {
        // It comes last, since images of the other sets are left out of it.
        lists.extend(trainval.map(|path| (Some(Split::Train), path.clone())));
    }
    Ok(lists)
}

/// The name of an image set, in lower case and without its extension.
fn named(path: &Path) -> String {
    let stem = path.file_stem().unwrap_or_default();
    stem.to_string_lossy().to_lowercase()
}

fn annotation_path(devkit: &Path, image_id: &str) -> PathBuf {
    devkit.join("Annotations").join(format!("{image_id}.xml"))
}

/// Returns the image that a line of an image set names. VOC's sets for one class have a flag (1, 0 or -1) after the
/// name, which is dropped; other tools list names of image files, whose extension is dropped. A line is kept whole
/// where an annotation has exactly this name.
fn image_id(devkit: &Path, line: &str) -> String {
    let is_annotation = |name: &str| annotation_path(devkit, name).is_file();
    if let Some((name, "1" | "0" | "-1")) = line.rsplit_once(char::is_whitespace)
        && !is_annotation(line)
    {
        return name.trim_end().to_owned();
    }
    if is_image(Path::new(line)) && !is_annotation(line) {
        return slashed(&Path::new(line).with_extension(""));
    }
    line.to_owned()
}

/// Returns the split that the name of a folder between `root` and the file `path` says; of several the innermost
/// counts. `None` where none says one.
pub(super) fn split_of(root: &Path, path: &Path) -> Option<Split> {
    let folders = path.strip_prefix(root).ok()?.parent()?;
    let mut names = folders.iter().rev();
    names.find_map(|name| Split::named_in(&name.to_string_lossy()))
}

/// Shortens each image id, a path without extension, to its last part, unless another image has the same last part.
pub(super) fn shorten(entries: &mut [Entry]) {
    let last = |image_id: &str| {
        let last = image_id.rsplit('/').next().unwrap_or(image_id);
        last.to_owned()
    };
    let mut counts: HashMap<String, usize> = HashMap::new();
    for entry in entries.iter() {
        *counts.entry(last(&entry.image_id)).or_default() += 1;
    }
    for entry in entries {
        let name = last(&entry.image_id);
        if counts[&name] == 1 {
            entry.image_id = name;
        }
    }
}

/// A relative path with `/` between its parts.
pub(super) fn slashed(path: &Path) -> String {
    let parts: Vec<_> = path.iter().map(|part| part.to_string_lossy()).collect();
    parts.join("/")
}
