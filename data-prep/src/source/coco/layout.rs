//! Finds the annotation files of a data set in COCO's format, and the split of each.
//!
//! MS COCO's own files (a release) are known by their names: val2014 is the test set. Its training file is divided
//! into train and val: by `train2014_train_split.json` and `train2014_val_split.json`, which the authors of
//! NN-Explainer publish, where these lie in `annotations/`, else by a rule (`reader`). Of any other data the
//! instances files that `beside` chooses are read.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::beside::{self, split_of};
use crate::error::{Error, Result};
use crate::source::split::Split;

/// The suffixes in the names of MS COCO's releases, `instances_train<suffix>.json` and `train<suffix>/`. The first one
/// found is read; 2014 is the paper's release.
const SUFFIXES: [&str; 3] = ["2014", "2017", ""];

/// How deep below the root annotation files are looked for: in it, in its folders and in their folders.
const DEPTH: usize = 3;

/// An annotation file and its split.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Part {
    pub annotations: PathBuf,
    /// The folder of its images; `None`: to be found.
    pub images: Option<PathBuf>,
    /// The split of all its images; `None` where the file's name says none.
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
    /// One of the files, from which the categories can be read.
    pub first: PathBuf,
    /// The files, or what is missing. A file whose `split` is `None` has the images of train and val.
    pub parts: Result<Vec<Part>>,
}

/// Finds the files of the first release that is there; `None` where there is none.
pub(super) fn release(root: &Path) -> Option<Release> {
    let annotations = root.join("annotations");
    let file = |name: String| annotations.join(name);
    SUFFIXES.into_iter().find_map(|suffix| {
        let files = [
            file(format!("train{suffix}_train_split.json")),
            file(format!("instances_train{suffix}.json")),
            file(format!("instances_val{suffix}.json")),
        ];
        let is_there = files[1..].iter().any(|path| path.is_file());
        let first = files.into_iter().find(|path| path.is_file());
        first.filter(|_| is_there).map(|first| Release {
            suffix,
            first,
            parts: parts(root, &annotations, suffix),
        })
    })
}

/// Returns the files of a release with their image folders.
///
/// # Errors
/// When a file or an image folder is missing.
fn parts(root: &Path, annotations: &Path, suffix: &str) -> Result<Vec<Part>> {
    let file = |name: String| annotations.join(name);
    let folder = |name: &str| {
        let candidates = [root.to_owned(), root.join("images")];
        let mut candidates = candidates
            .map(|folder| folder.join(format!("{name}{suffix}")))
            .into_iter();
        candidates.find(|folder| folder.is_dir()).ok_or_else(|| {
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
/// val or test and none train, these names do not count, and no file has a split.
///
/// # Errors
/// When there is none, or a folder cannot be read.
pub(super) fn find(root: &Path) -> Result<Files> {
    let mut files = Vec::new();
    let walk = walkdir::WalkDir::new(root).max_depth(DEPTH);
    let is_seen = |entry: &walkdir::DirEntry| {
        entry.depth() == 0 || !entry.file_name().to_string_lossy().starts_with('.')
    };
    let walk = walk.follow_links(true).sort_by_file_name();
    for entry in walk.into_iter().filter_entry(is_seen) {
        let path = entry.map_err(std::io::Error::from)?.into_path();
        let extension = path.extension().unwrap_or_default();
        if extension.eq_ignore_ascii_case("json") && path.is_file() {
            files.push(path);
        }
    }
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
    // Without a file for training the names say nothing about splits.
    if parts
        .iter()
        .all(|part| part.split.is_some_and(|split| split != Split::Train))
    {
        parts.iter_mut().for_each(|part| part.split = None);
    }
    parts.sort_by_key(|part| part.split.unwrap_or(Split::Train)); // stable
    Ok(Files {
        parts,
        notes: chosen.notes,
    })
}

/// Returns a short name for each file, with which its image ids begin. All files get the same kind of name, the first
/// kind in which all differ: the split, the folder's name, the file's stem, or the path below the folder around all
/// files.
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
