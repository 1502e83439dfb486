//! Finds the tables of a folder and where their images are: `boxes.csv` and `labels.csv`, or the
//! `_annotations.csv` in `train`, `valid` and `test` that Roboflow writes for TensorFlow.

use std::path::{Path, PathBuf};

use crate::error::{Error, Result};
use crate::source::split::Split;

/// A table, and where its images are.
#[derive(Debug)]
pub(super) struct Part {
    pub path: PathBuf,
    /// Whether it has boxes; if not, it has labels only.
    pub has_boxes: bool,
    /// The folders that the names of images are relative to, in the order in which they are tried.
    pub folders: Vec<PathBuf>,
    /// The split of all its images, where its folder says so.
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
    pub(super) fn given(
        images: &Path,
        boxes: Option<&Path>,
        labels: Option<&Path>,
    ) -> Result<Self> {
        if !images.is_dir() {
            return Err(Error::layout(
                images,
                "--images",
                "no such folder",
                "a folder of images",
            ));
        }
        let mut parts = Vec::new();
        for (path, has_boxes, option) in [(boxes, true, "--boxes"), (labels, false, "--labels")] {
            let Some(path) = path else { continue };
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
            parts.push(Part {
                path: path.to_owned(),
                has_boxes,
                folders,
                split: None,
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

    /// Finds the tables of a folder; `None` where there are none.
    pub(super) fn find(root: &Path) -> Option<Self> {
        let mut parts = Vec::new();
        for (stem, has_boxes) in [("boxes", true), ("labels", false), ("_annotations", true)] {
            let mut names = ["csv", "parquet"]
                .iter()
                .map(|extension| root.join(format!("{stem}.{extension}")));
            if let Some(path) = names.find(|path| path.is_file()) {
                let folders = vec![root.to_owned(), root.join("images")];
                parts.push(Part {
                    path,
                    has_boxes,
                    folders,
                    split: None,
                });
            }
        }
        let folders = fs_err::read_dir(root)
            .into_iter()
            .flatten()
            .flatten()
            .map(|entry| entry.path());
        for folder in folders.filter(|folder| folder.is_dir()) {
            let path = folder.join("_annotations.csv");
            let split = Split::named_in(&folder.file_name().unwrap_or_default().to_string_lossy());
            if split.is_some() && path.is_file() {
                parts.push(Part {
                    path,
                    has_boxes: true,
                    folders: vec![folder],
                    split,
                });
            }
        }
        parts.sort_by_key(|part| part.split); // stable
        (!parts.is_empty()).then(|| Self {
            images: root.to_owned(),
            parts,
        })
    }
}
