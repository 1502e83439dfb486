//! Lists the image files of a folder without annotations, for `trainer predict`, which runs a network on them.

use std::path::{Path, PathBuf};

use super::files::{self, Files};
use super::finding::names_and_ids;
use crate::error::{Error, Problem, Result};

/// An image of the folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Photo {
    /// Its file.
    pub path: PathBuf,
    /// The path below the folder, with `/` between folders.
    pub name: String,
    /// Its id, made as for own data: the name without extension, or the whole name where several images share
    /// that.
    pub image_id: String,
}

/// What is in the folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Photos {
    /// The images, sorted by path.
    pub photos: Vec<Photo>,
    /// Images whose path is not UTF-8, which no table can hold.
    pub problems: Vec<Problem>,
    /// The number of files that are not images, judged by their extension.
    pub others: usize,
}

/// Lists the files below `root` at any depth. Hidden files are left out, and so are those below `out`, the folder
/// of the command's results, which may lie inside `root`.
///
/// # Errors
/// When `root` is no folder, or one in it cannot be read.
pub fn below(root: &Path, out: &Path) -> Result<Photos> {
    if !root.is_dir() {
        let found = if root.exists() {
            "a file"
        } else {
            "no such folder"
        };
        return Err(Error::layout(root, "images", found, "a folder of images"));
    }
    let files = Files::below(root)?;
    let (root_whole, out_whole) = (fs_err::canonicalize(root)?, fs_err::canonicalize(out).ok());
    let is_output = |path: &Path| {
        let inside = path.strip_prefix(root).unwrap_or(path);
        let out = out_whole.as_ref().filter(|out| **out != root_whole);
        out.is_some_and(|out| root_whole.join(inside).starts_with(out))
    };
    let all: Vec<&Path> = files.all().filter(|path| !is_output(path)).collect();
    let images: Vec<&Path> = all
        .iter()
        .copied()
        .filter(|path| files::is_image(path))
        .collect();
    let others = all.len() - images.len();
    let (named, unnamed): (Vec<&Path>, Vec<&Path>) =
        images.into_iter().partition(|path| path.to_str().is_some());
    let problem = |path: &Path| {
        let found = format!("{:?}", path.file_name().unwrap_or_default());
        Problem::new(path, "name", found, "a path in UTF-8")
    };
    let photo = |(path, (name, image_id)): (&Path, (String, String))| Photo {
        path: path.to_owned(),
        name,
        image_id,
    };
    Ok(Photos {
        photos: (named.iter().copied())
            .zip(names_and_ids(root, &named))
            .map(photo)
            .collect(),
        problems: unnamed.into_iter().map(problem).collect(),
        others,
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;

    use super::*;

    #[test]
    fn images_are_told_from_other_files_and_from_the_output() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        for name in [
            "b.JPG",
            "a.png",
            "a.tif",
            "deep/er/c.webp",
            "deep/notes.txt",
            ".hidden.jpg",
            "out/overlays/b.JPG/0-dog.png",
        ] {
            let path = root.join(name);
            fs_err::create_dir_all(path.parent().unwrap()).unwrap();
            fs_err::write(path, "").unwrap();
        }
        let broken = root.join(OsStr::from_bytes(b"\xff.jpg"));
        fs_err::write(&broken, "").unwrap();
        // `out` is recognised although its path is written in a roundabout way.
        let found = below(root, &root.join("deep/../out")).unwrap();
        let named: Vec<(&str, &str)> = (found.photos.iter())
            .map(|photo| (photo.name.as_str(), photo.image_id.as_str()))
            .collect();
        assert_eq!(
            named,
            [
                ("a.png", "a.png"),
                ("a.tif", "a.tif"),
                ("b.JPG", "b"),
                ("deep/er/c.webp", "deep/er/c")
            ]
        );
        assert_eq!(found.others, 1);
        assert_eq!(found.problems.len(), 1);
        assert_eq!(found.problems[0].found, "\"\\xFF.jpg\"");
        // Where `out` is the folder of images itself, its images are listed, the former overlay among them.
        assert_eq!(below(root, root).unwrap().photos.len(), 5);
        let missing = below(&root.join("none"), root).unwrap_err().to_string();
        assert!(missing.ends_with("images: found no such folder, expected a folder of images"));
    }
}
