//! Finds the annotation files of a data set in COCO's format, and the split of each.
//!
//! MS COCO's own files (a release) are known by their names. As in the paper, `instances_val2014.json` is the test set,
//! and `instances_train2014.json` is divided into train and val: by the files `train2014_train_split.json` and
//! `train2014_val_split.json`, which the authors of NN-Explainer publish, where they lie in `annotations/`, else
//! by a rule (`reader`). Of any other data the instances files (COCO JSON with boxes) that `beside` chooses are read.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::beside::{self, split_of};
use crate::error::{Error, Result};
use crate::source::files::files_below;
use crate::source::split::Split;

/// The suffixes in the names of MS COCO's releases, `instances_train<suffix>.json` and `train<suffix>/`. The first
/// release that is complete is read; 2014 is the paper's. Some copies of a release have no year in their names.
const SUFFIXES: [&str; 3] = ["2014", "2017", ""];

/// How deep below the root annotation files are looked for: in it, in its folders and in their folders.
const DEPTH: usize = 3;

/// An annotation file and its split.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Part {
    pub annotations: PathBuf,
    /// The folder of its images; `None` where it is not known and `folder` looks for it.
    pub images: Option<PathBuf>,
    /// The split of all its images; `None` where it has images of several, or neither its name nor a folder's says one.
    pub split: Option<Split>,
}

/// The annotation files of data that is not a release of MS COCO.
pub(super) struct Files {
    pub parts: Vec<Part>,
    /// Notes on instances files that are not read.
    pub notes: Vec<String>,
}

/// Annotation files that are named like a release of MS COCO.
pub(super) struct Release {
    /// The suffix of their names, one of [`SUFFIXES`].
    pub suffix: &'static str,
    /// One of the files that are there. Its categories tell whether an incomplete release is MS COCO's.
    pub first: PathBuf,
    /// The files, or what is missing. A file whose `split` is `None` has the images of train and val.
    pub parts: Result<Vec<Part>>,
    /// Notes on incomplete releases that come before it in [`SUFFIXES`] and are not read.
    pub notes: Vec<String>,
}

/// Finds the files of the first complete release, or of the first incomplete one where none is complete; `None` where
/// there is no instances file of any.
pub(super) fn release(root: &Path) -> Option<Release> {
    let mut found: Vec<Release> = SUFFIXES
        .into_iter()
        .filter_map(|suffix| of_suffix(root, suffix))
        .collect();
    let Some(complete) = found.iter().position(|release| release.parts.is_ok()) else {
        return found.into_iter().next();
    };
    let mut release = found.swap_remove(complete);
    let incomplete = found.iter().take(complete);
    let lacks = incomplete.filter_map(|other| Some((other.suffix, other.parts.as_ref().err()?)));
    release.notes = lacks
        .map(|(suffix, lack)| format!("annotations of {suffix} not read: {lack}"))
        .collect();
    Some(release)
}

/// Finds the files with this suffix; `None` where neither instances file is there.
fn of_suffix(root: &Path, suffix: &'static str) -> Option<Release> {
    let annotations = root.join("annotations");
    let files = ["train", "val"].map(|of| annotations.join(format!("instances_{of}{suffix}.json")));
    Some(Release {
        suffix,
        first: files.into_iter().find(|path| path.is_file())?,
        parts: parts(root, &annotations, suffix),
        notes: Vec::new(),
    })
}

/// Returns the files of a release with their image folders. Of the two files that divide the training file one is not
/// enough: with the rule instead of the other, images would be in both splits.
///
/// # Errors
/// When a file or an image folder is missing.
fn parts(root: &Path, annotations: &Path, suffix: &str) -> Result<Vec<Part>> {
    let file = |name: String| annotations.join(name);
    let folder = |name: &str| {
        let candidates = [root.to_owned(), root.join("images")];
        let candidates = candidates.map(|folder| folder.join(format!("{name}{suffix}")));
        let has_files = |folder: &&PathBuf| {
            fs_err::read_dir(folder).is_ok_and(|mut entries| entries.next().is_some())
        };
        let found = candidates.iter().find(has_files);
        let found = found.or_else(|| candidates.iter().find(|folder| folder.is_dir()));
        found.cloned().ok_or_else(|| {
            Error::layout(
                root,
                "image folder",
                format!("no {name}{suffix}"),
                format!("{name}{suffix} or images/{name}{suffix}"),
            )
        })
    };
    let part = |annotations: PathBuf, folder_name: &str, split| {
        if !annotations.is_file() {
            return Err(Error::layout(
                annotations,
                "annotation file",
                "nothing",
                "a JSON file",
            ));
        }
        Ok(Part {
            annotations,
            images: Some(folder(folder_name)?),
            split,
        })
    };

    let test = file(format!("instances_val{suffix}.json"));
    let split_files = ["train", "val"].map(|of| file(format!("train{suffix}_{of}_split.json")));
    let mut parts = if split_files.iter().any(|path| path.is_file()) {
        let [train, val] = split_files;
        vec![
            part(train, "train", Some(Split::Train))?,
            part(val, "train", Some(Split::Val))?,
        ]
    } else {
        let train = file(format!("instances_train{suffix}.json"));
        vec![part(train, "train", None)?]
    };
    parts.push(part(test, "val", Some(Split::Test))?);
    Ok(parts)
}

/// Finds the instances files below `root` that `beside` chooses, in the order of their splits. Where every name says
/// val or test and none train, these names do not count, and no file has a split: there must be something to train on.
///
/// # Errors
/// When there is no instances file, or a folder cannot be read.
pub(super) fn find(root: &Path) -> Result<Files> {
    let mut files = files_below(root, DEPTH)?;
    files.retain(|path| {
        let extension = path.extension().unwrap_or_default();
        extension.eq_ignore_ascii_case("json")
    });
    let n_files = files.len();
    let chosen = beside::choose(root, files);
    let files = chosen.read;
    if files.is_empty() {
        return Err(Error::layout(
            root,
            "annotation files",
            match n_files {
                0 => "no *.json".to_owned(),
                n => format!("{n} *.json, none with images, annotations and categories"),
            },
            "COCO JSON, such as annotations/instances_train.json or train/_annotations.coco.json",
        ));
    }
    let mut parts: Vec<Part> = files
        .into_iter()
        .map(|path| Part {
            split: split_of(root, &path),
            annotations: path,
            images: None,
        })
        .collect();
    if parts
        .iter()
        .all(|part| part.split.is_some_and(|split| split != Split::Train))
    {
        parts.iter_mut().for_each(|part| part.split = None);
    }
    // Stable. A file without a split is read as train beside files that have one.
    parts.sort_by_key(|part| part.split.unwrap_or(Split::Train));
    Ok(Files {
        parts,
        notes: chosen.notes,
    })
}

/// Returns a short name for each file, with which the ids of its images begin. All files get the same kind of name, the
/// first kind in which all differ: the split, the folder's name, the file's name without extension, or the path below
/// the folder around all files.
pub(super) fn labels(parts: &[Part]) -> Vec<String> {
    let text = |name: &std::ffi::OsStr| name.to_string_lossy().into_owned();
    let splits = parts.iter().map(|part| Some(part.split?.to_string()));
    let folders = parts
        .iter()
        .map(|part| Some(text(part.annotations.parent()?.file_name()?)));
    let stems = parts
        .iter()
        .map(|part| part.annotations.file_stem().map(text));
    let kinds: [Option<Vec<String>>; 3] = [splits.collect(), folders.collect(), stems.collect()];
    let all_differ = |labels: &Vec<String>| {
        let unique: BTreeSet<&String> = labels.iter().collect();
        unique.len() == labels.len()
    };
    let short = kinds.into_iter().flatten().find(all_differ);
    short.unwrap_or_else(|| {
        let files: Vec<&Path> = parts
            .iter()
            .map(|part| part.annotations.as_path())
            .collect();
        let around = around(&files);
        let path = |file: &&Path| text(file.strip_prefix(around).unwrap_or(file).as_os_str());
        files.iter().map(path).collect()
    })
}

/// Returns the innermost folder that all `files` are in; an empty path where there is none.
fn around<'a>(files: &[&'a Path]) -> &'a Path {
    let first = files.first().copied().unwrap_or(Path::new(""));
    let mut folders = first.ancestors().skip(1);
    let around = folders.find(|folder| files.iter().all(|file| file.starts_with(folder)));
    around.unwrap_or(Path::new(""))
}

/// The folder of the data set that an annotation file belongs to: the folder of the file, or the one around it where
/// that is called `annotations`.
pub(super) fn data_folder(annotations: &Path) -> &Path {
    let folder = annotations.parent().unwrap_or(annotations);
    match (folder.file_name(), folder.parent()) {
        (Some(name), Some(around)) if name == "annotations" => around,
        _ => folder,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// Makes folders, and the JSON files with the text of an empty instances file.
    fn folder_with(files: &[&str], folders: &[&str]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for name in folders {
            fs_err::create_dir_all(folder.path().join(name)).unwrap();
        }
        for name in files {
            let path = folder.path().join(name);
            fs_err::create_dir_all(path.parent().unwrap()).unwrap();
            let text = r#"{"images": [], "annotations": [], "categories": []}"#;
            fs_err::write(path, text).unwrap();
        }
        folder
    }

    #[test]
    fn dead_links_beside_annotation_files_do_not_matter() {
        let folder = folder_with(&["coco/instances_train.json"], &[]);
        let root = folder.path();
        let link = |to: &str, name: &str| std::os::unix::fs::symlink(to, root.join(name)).unwrap();
        link("nowhere", "coco/notes.txt");
        link("nowhere", "coco/old.json");
        link("..", "coco/around");
        let parts = find(root).unwrap().parts;
        let found: Vec<PathBuf> = parts.into_iter().map(|part| part.annotations).collect();
        assert_eq!(found, [root.join("coco/instances_train.json")]);
    }

    #[test]
    fn a_complete_release_is_preferred_to_an_incomplete_one() {
        let half = ["annotations/instances_val2014.json"];
        let whole = [
            "annotations/instances_train2017.json",
            "annotations/instances_val2017.json",
        ];
        let images = ["train2017", "val2017"];
        let folder = folder_with(&[half.as_slice(), &whole].concat(), &images);
        let release = super::release(folder.path()).unwrap();
        let parts = release.parts.unwrap();
        assert_eq!((release.suffix, parts.len()), ("2017", 2));
        assert!(
            release.notes[0].starts_with("annotations of 2014 not read: "),
            "{:?}",
            release.notes
        );
        assert_eq!(release.notes.len(), 1);

        let folder = folder_with(&half, &images);
        let release = super::release(folder.path()).unwrap();
        assert_eq!(release.suffix, "2014");
        assert_eq!(release.first, folder.path().join(half[0]));
        assert!(release.parts.is_err() && release.notes.is_empty());

        // An empty folder is not preferred to one with images.
        let folder = folder_with(&whole, &["train2017", "images/train2017/more", "val2017"]);
        let parts = super::release(folder.path()).unwrap().parts.unwrap();
        let found: Vec<Option<PathBuf>> = parts.into_iter().map(|part| part.images).collect();
        let expected = ["images/train2017", "val2017"].map(|name| Some(folder.path().join(name)));
        assert_eq!(found, expected);

        let folder = folder_with(&whole, &images);
        assert_eq!(
            super::release(folder.path()).unwrap().notes,
            Vec::<String>::new()
        );
    }
}
