//! Chooses which JSON files of a folder are read as instances files: COCO JSON with `images`, `annotations` and
//! `categories`. Where some have the usual names (`instances_*.json` or Roboflow's), other instances files in the
//! same folders are read as well, unless their names are those of MS COCO's captions and the like, or they repeat
//! images, as a file of all images beside those of the splits does. Without usual names all instances files are read.

use std::cell::OnceCell;
use std::collections::HashSet;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use super::json::{Cursor, Fault};
use super::mapped::Mapped;
use crate::source::files::{Files, relative};
use crate::source::split::Split;

/// The name of the JSON in exports of Roboflow, a web service for annotating images.
const ROBOFLOW: &str = "_annotations.coco.json";

/// The beginnings of the names of MS COCO's files that are not instances files.
const OTHER_KINDS: [&str; 5] = [
    "captions_",
    "image_info_",
    "panoptic_",
    "person_keypoints_",
    "stuff_",
];

/// The most files that a note names. Chosen.
const MOST_NAMED: usize = 5;

/// The files chosen.
pub(super) struct Chosen {
    pub read: Vec<PathBuf>,
    /// Notes on instances files that are not read, and why.
    pub notes: Vec<String>,
}

/// Chooses from the JSON `files` below `root`; `read` keeps their order.
pub(super) fn choose(root: &Path, mut files: Vec<PathBuf>) -> Chosen {
    let (mut read, others): (Vec<PathBuf>, Vec<PathBuf>) =
        files.iter().cloned().partition(|path| is_named_so(path));
    if read.is_empty() {
        files.retain(|path| is_instances(path));
        return Chosen {
            read: files,
            notes: Vec::new(),
        };
    }
    let folders: HashSet<PathBuf> = read.iter().map(|path| parent(path)).collect();
    let listed = OnceCell::new();
    let (mut repeating, mut elsewhere) = (Vec::new(), Vec::new());
    for other in others {
        if is_of_another_kind(&other) || !is_instances(&other) {
            continue;
        }
        if !folders.contains(&parent(&other)) {
            elsewhere.push(other);
        } else if repeats(root, &other, &read, &listed) {
            repeating.push(other);
        } else {
            read.push(other);
        }
    }
    files.retain(|path| read.contains(path));
    let notes = [
        note(
            root,
            &repeating,
            "with images of the other annotation files",
        ),
        note(root, &elsewhere, "not beside the other annotation files"),
    ];
    Chosen {
        read: files,
        notes: notes.into_iter().flatten().collect(),
    }
}

fn parent(path: &Path) -> PathBuf {
    path.parent().unwrap_or(path).to_owned()
}

/// Returns the note that `files` are not read, and `why`; `None` where there are no such files.
fn note(root: &Path, files: &[PathBuf], why: &str) -> Option<String> {
    let names = files.iter().take(MOST_NAMED).map(|path| {
        let name = path.strip_prefix(root).unwrap_or(path);
        crate::error::quoted(&name.to_string_lossy())
    });
    let names: Vec<String> = names.collect();
    let more = match files.len().saturating_sub(MOST_NAMED) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    (!files.is_empty()).then(|| {
        format!(
            "not read, {why}: {}{more}; name all files that are to be read by --train, --val and --test \
             FILE=IMAGES",
            names.join(", ")
        )
    })
}

fn name(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default();
    name.to_string_lossy().into_owned()
}

/// Whether a file has a usual name of an instances file.
fn is_named_so(path: &Path) -> bool {
    let name = name(path);
    name.starts_with("instances_") || name == ROBOFLOW
}

/// Whether a file is called like one of MS COCO's other files, which are about the same images, or like the two
/// parts into which the authors of NN-Explainer divided `instances_train2014.json`.
fn is_of_another_kind(path: &Path) -> bool {
    let name = name(path);
    let is_half = name.starts_with("train20") && name.ends_with("_split.json");
    is_half || OTHER_KINDS.iter().any(|kind| name.starts_with(kind))
}

/// Whether a JSON file has the three arrays of an instances file. A broken file counts if it has one of them
/// before the fault: reading it then reports the fault.
fn is_instances(path: &Path) -> bool {
    let wanted = ["images", "annotations", "categories"];
    let mut found = [false; 3];
    let Ok(text) = Mapped::open(path) else {
        return false;
    };
    let mut cursor = Cursor::new(&text);
    let read = cursor.object(|cursor, key| {
        if let Some(index) = wanted.iter().position(|wanted| *wanted == key) {
            found[index] = cursor.peek() == Some(b'[');
        }
        cursor.skip()
    });
    match read {
        Ok(()) => found == [true; 3],
        Err(_) => found.contains(&true),
    }
}

/// Whether `file` lists an image that one of the files `read` lists, too. Images of the same name in the folders of
/// different splits are different images. `listed` holds the files below `root` once they have been needed.
fn repeats(root: &Path, file: &Path, read: &[PathBuf], listed: &OnceCell<Files>) -> bool {
    let names = image_names(file);
    let split = split_of(root, file);
    let is_another = |name: &str| {
        let Some(split) = split else {
            return false;
        };
        let files = listed.get_or_init(|| Files::below(root).unwrap_or_default());
        let last = Path::new(name).file_name();
        let called_so = files.images().filter(|image| image.file_name() == last);
        let splits: Vec<Option<Split>> = called_so
            .map(|image| split_of_folder(root, image))
            .collect();
        splits.contains(&Some(split)) && splits.iter().any(|other| *other != Some(split))
    };
    read.iter().any(|other| {
        let others = image_names(other);
        let shared = names.iter().find(|name| others.contains(*name));
        shared.is_some_and(|name| split_of(root, other) == split || !is_another(name))
    })
}

/// Returns the `file_name`s in an instances file; of a broken one those before the first fault.
fn image_names(path: &Path) -> HashSet<String> {
    let mut names = HashSet::new();
    let Ok(text) = Mapped::open(path) else {
        return names;
    };
    let mut cursor = Cursor::new(&text);
    let mut image = |cursor: &mut Cursor| -> Result<(), Fault> {
        if cursor.peek() != Some(b'{') {
            return cursor.skip();
        }
        cursor.object(|cursor, key| {
            if key != "file_name" || cursor.peek() != Some(b'"') {
                return cursor.skip();
            }
            let name = cursor.string()?;
            names.insert(relative(&name).unwrap_or_else(|| name.into_owned()));
            Ok(())
        })
    };
    // A fault is reported when the file is read.
    let _ = cursor.object(|cursor, key| match key {
        "images" if cursor.peek() == Some(b'[') => cursor.array(|cursor, _| image(cursor)),
        _ => cursor.skip(),
    });
    names
}

/// The split that the file's name says, or else the name of the innermost folder around it, below `root`, that
/// says one; `None` where none does.
pub(super) fn split_of(root: &Path, path: &Path) -> Option<Split> {
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    Split::named_in(&stem).or_else(|| split_of_folder(root, path))
}

/// The split that the names of the folders between `root` and the file say; of several the innermost counts.
fn split_of_folder(root: &Path, path: &Path) -> Option<Split> {
    let named = |name: &OsStr| Split::named_in(&name.to_string_lossy());
    let folder = path.parent().and_then(|it| it.strip_prefix(root).ok());
    folder?.iter().rev().find_map(named)
}
