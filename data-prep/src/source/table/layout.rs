//! Finds the tables of a folder and where their images are. These are `boxes.csv` and `labels.csv`, the
//! `_annotations.csv` in `train`, `valid` and `test` that Roboflow writes for TensorFlow, or else any tables with
//! the columns of boxes. Tables may also be Parquet files. A table's name, or its folder's, may say its split.

use std::path::{Path, PathBuf};

use super::columns::is_boxes;
use crate::error::{Error, Result};
use crate::source::split::Split;

/// A table, and where its images are.
#[derive(Debug)]
pub(super) struct Part {
    pub path: PathBuf,
    /// Whether each row is an object with a box; if not, each row is a class of an image.
    pub has_boxes: bool,
    /// The folders that the names of images are relative to, in the order in which they are tried.
    pub folders: Vec<PathBuf>,
    /// The split of all its images; `None` where neither its name nor its folder's says one.
    pub split: Option<Split>,
}

/// The tables of a data set, at least one.
#[derive(Debug)]
pub(super) struct Layout {
    /// The folder that all images are in.
    pub images: PathBuf,
    pub parts: Vec<Part>,
}

impl Layout {
    /// Takes the tables and the folder of images that the user names.
    ///
    /// # Errors
    /// When there is no table, or a file or the folder is missing.
    pub(super) fn given(images: &Path, boxes: &[PathBuf], labels: Option<&Path>) -> Result<Self> {
        if !images.is_dir() {
            return Err(Error::layout(
                images,
                "--images",
                "no such folder",
                "a folder of images",
            ));
        }
        let mut parts = Vec::new();
        let labels = labels.map(|path| (path, false, "--labels"));
        let all = boxes.iter().map(|path| (path.as_path(), true, "--boxes"));
        for (path, has_boxes, option) in all.chain(labels) {
            if !path.is_file() {
                return Err(Error::layout(
                    path,
                    option,
                    "no such file",
                    "a CSV or Parquet file",
                ));
            }
            let beside = path.parent().unwrap_or(Path::new("")).to_owned();
            let folders = vec![images.to_owned(), beside];
            // A single file is all of the data, so its name says no split.
            let split = match has_boxes && boxes.len() > 1 {
                true => split_of(path, None),
                false => None,
            };
            parts.push(Part {
                path: path.to_owned(),
                has_boxes,
                folders: with_split(folders, split),
                split,
            });
        }
        match parts.is_empty() {
            true => Err(Error::layout(
                images,
                "tables",
                "none",
                "--boxes FILE, --labels FILE, or both",
            )),
            false => Ok(Self {
                images: images.to_owned(),
                parts,
            }),
        }
    }

    /// Finds the tables of a folder: those with the usual names and, if none of them has boxes, all others that have
    /// the columns of boxes. `None` where there are none.
    pub(super) fn find(root: &Path) -> Option<Self> {
        let mut parts = called_usually(root);
        if !parts.iter().any(|part| part.has_boxes) {
            parts.extend(with_boxes(root));
        }
        parts.sort_by_key(|part| part.split); // stable
        (!parts.is_empty()).then(|| Self {
            images: root.to_owned(),
            parts,
        })
    }
}

/// Finds the tables with usual names: `boxes`, `labels` and Roboflow's `_annotations`. A CSV file is preferred to a
/// Parquet file, and `labels` with the columns of boxes is not taken here.
fn called_usually(root: &Path) -> Vec<Part> {
    let mut parts = Vec::new();
    for (stem, has_boxes) in [("boxes", true), ("labels", false), ("_annotations", true)] {
        let mut names = ["csv", "parquet"]
            .iter()
            .map(|extension| root.join(format!("{stem}.{extension}")));
        let path = names.find(|path| path.is_file());
        if let Some(path) = path.filter(|path| has_boxes || !is_boxes(path)) {
            let folders = vec![root.to_owned(), root.join("images")];
            parts.push(Part {
                path,
                has_boxes,
                folders,
                split: None,
            });
        }
    }
    for folder in folders_in(root) {
        let path = folder.join("_annotations.csv");
        let split = Split::named_in(&name(&folder));
        if split.is_some() && path.is_file() {
            parts.push(Part {
                path,
                has_boxes: true,
                folders: vec![folder],
                split,
            });
        }
    }
    parts
}

/// Finds all tables that have the columns of boxes, in a folder and the folders in it. Of a CSV and a Parquet file with
/// the same name the CSV is taken.
fn with_boxes(root: &Path) -> Vec<Part> {
    let mut parts: Vec<Part> = Vec::new();
    for path in tables(root) {
        let before = parts.last().map(|part| part.path.with_extension(""));
        if before == Some(path.with_extension("")) || !is_boxes(&path) {
            continue;
        }
        let split = split_of(&path, Some(root));
        let beside = path.parent().unwrap_or(root).to_owned();
        let images = [beside.join("images"), root.to_owned(), root.join("images")];
        let folders = [beside].into_iter().chain(images).collect();
        parts.push(Part {
            path,
            has_boxes: true,
            folders: with_split(folders, split),
            split,
        });
    }
    parts
}

/// The CSV and Parquet files in a folder and in the folders in it, sorted.
pub(in crate::source) fn tables(root: &Path) -> Vec<PathBuf> {
    let mut folders = folders_in(root);
    folders.push(root.to_owned());
    let files = folders.iter().flat_map(|folder| entries(folder));
    let is_table = |path: &PathBuf| {
        let extension = path.extension().unwrap_or_default().to_ascii_lowercase();
        (extension == "csv" || extension == "parquet") && path.is_file()
    };
    let mut files: Vec<PathBuf> = files.filter(is_table).collect();
    files.sort_unstable();
    files
}

/// The split that the table's name says, else the one that its folder's name says, unless that folder is `root`.
fn split_of(path: &Path, root: Option<&Path>) -> Option<Split> {
    let folder = path.parent().filter(|folder| Some(*folder) != root);
    let stem = name(&path.with_extension(""));
    Split::named_in(&stem).or_else(|| Split::named_in(&name(folder?)))
}

/// Returns the folders with those of their subfolders that are named for the split (`images/train`) in front.
fn with_split(folders: Vec<PathBuf>, split: Option<Split>) -> Vec<PathBuf> {
    let inside = folders.iter().flat_map(|folder| folders_in(folder));
    let is_of = |folder: &PathBuf| split.is_some() && Split::named_in(&name(folder)) == split;
    let mut all: Vec<PathBuf> = inside.filter(is_of).collect();
    all.extend(folders);
    all
}

/// The folders in a folder, sorted.
fn folders_in(folder: &Path) -> Vec<PathBuf> {
    let mut folders: Vec<PathBuf> = entries(folder).filter(|path| path.is_dir()).collect();
    folders.sort_unstable();
    folders
}

/// What is in a folder and not hidden; nothing where it cannot be read.
fn entries(folder: &Path) -> impl Iterator<Item = PathBuf> + use<> {
    let entries = fs_err::read_dir(folder).into_iter().flatten().flatten();
    let paths = entries.map(|entry| entry.path());
    paths.filter(|path| !name(path).starts_with('.'))
}

fn name(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default();
    name.to_string_lossy().into_owned()
}
