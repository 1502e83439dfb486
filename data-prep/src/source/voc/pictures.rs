//! Finds the image file of each VOC annotation: the one that its element `<filename>` names, else the one with the
//! annotation file's own name (`a.jpg` for `a.xml`). No image is used for two annotations. Images have the extensions
//! of [`is_image`](crate::source::files::is_image); one with another of them than named is found, too.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};

use super::layout::{Layout, split_of};
use crate::error::Problem;
use crate::source::files::is_image;
use crate::words;

/// The names of folders in which tools put images, beside a folder of annotations.
const FOLDERS: [&str; 6] = ["JPEGImages", "images", "Images", "image", "imgs", "img"];

/// The image files of a data set.
pub(super) struct Pictures {
    /// The image file of each annotation, or why there is none; in the order of [`Layout::entries`].
    pub(super) files: Vec<Result<PathBuf, Problem>>,
    /// Notes for the user on what was decided.
    pub(super) notes: Vec<String>,
}

/// The files that may be the image of an annotation.
#[derive(Clone, Copy)]
struct Candidates<'a> {
    /// The image that `<filename>` names, unless it is the same as `own`.
    named: Option<&'a Path>,
    /// The image with the annotation's own name.
    own: Option<&'a Path>,
    /// An image that [`leave_lookalikes`] removed from these two, because it is probably a mask. It is not taken and
    /// only named in the message.
    lookalike: Option<&'a Path>,
}

impl Pictures {
    /// Finds the images of the annotations of `layout`; `names` are the texts of their `<filename>`. A `<filename>` is
    /// ignored if the image it names has the own name of another annotation, or if several annotations name it: then
    /// these annotations were probably copied from one another and not corrected.
    ///
    /// In a devkit, an image that is missing gets the path at which it should be; decoding reports it.
    pub(super) fn find(layout: &Layout, names: &[Option<&str>]) -> Self {
        let search = Search::new(layout);
        let entries = layout.entries.iter().zip(names);
        let mut candidates: Vec<Candidates> = entries
            .map(|(entry, name)| search.candidates(&entry.xml, *name))
            .collect();
        leave_lookalikes(layout, names, &mut candidates);
        // For each image the annotation with its own name (the first of several), and those whose <filename> names it.
        let mut owners: HashMap<&Path, &Path> = HashMap::new();
        let mut named: HashMap<&Path, HashSet<&Path>> = HashMap::new();
        for (entry, candidates) in layout.entries.iter().zip(&candidates) {
            if let Some(own) = candidates.own {
                owners.entry(own).or_insert(&entry.xml);
            }
            if let Some(image) = candidates.named {
                named.entry(image).or_default().insert(&entry.xml);
            }
        }
        let is_free = |image: &Path| !owners.contains_key(image) && named[image].len() == 1;
        // How often the image that <filename> names is preferred to the one with the annotation's own name, and how
        // often it is left to other annotations.
        let (mut preferred, mut left) = (0, 0);
        let files = layout.entries.iter().zip(&candidates).zip(names);
        let files: Vec<Result<PathBuf, Problem>> = files
            .map(|((entry, found), name)| match (found.named, found.own) {
                (Some(image), own) if is_free(image) => {
                    preferred += usize::from(own.is_some());
                    Ok(image.to_owned())
                }
                (named, Some(own)) if owners[own] == entry.xml => {
                    left += usize::from(named.is_some());
                    Ok(own.to_owned())
                }
                (_, Some(own)) => Err(taken(&entry.xml, own, Some(owners[own]))),
                (Some(image), None) => Err(taken(&entry.xml, image, owners.get(image).copied())),
                (None, None) if layout.is_devkit => {
                    let name = format!("{}.jpg", entry.image_id);
                    Ok(layout.folder.join("JPEGImages").join(name))
                }
                (None, None) => Err(missing(&entry.xml, *name, found.lookalike)),
            })
            .collect();
        let used: HashSet<&Path> = candidates
            .iter()
            .flat_map(|found| [found.named, found.own])
            .flatten()
            .collect();
        let unused = search.images().filter(|image| !used.contains(image));
        let notes = notes(layout, unused.count(), preferred, left);
        Self { files, notes }
    }
}

/// Returns the notes on `unused` images, and on how many annotations have an image with their own name and a
/// `<filename>` that names another one, which was `preferred` or `left` to other annotations.
fn notes(layout: &Layout, unused: usize, preferred: usize, left: usize) -> Vec<String> {
    let mut notes = Vec::new();
    if unused > 0 {
        let why = match layout.is_devkit {
            true => "in no list of ImageSets/Main",
            false => "not annotated",
        };
        let images = words::images(unused, "is", "are");
        notes.push(format!("{images} {why}: left out"));
    }
    let annotations = |n: usize| words::counted(n, "annotation", "annotations");
    if preferred > 0 {
        notes.push(format!(
            "of {} <filename> names an image, and another has the annotation's name: the first is taken",
            annotations(preferred)
        ));
    }
    if left > 0 {
        notes.push(format!(
            "of {} <filename> names an image that other annotations name or are called like: the image with the \
             annotation's name is taken",
            annotations(left)
        ));
    }
    notes
}

/// Moves candidates that are probably masks (as where `a.png` lies in a folder of masks and `a.jpg` is missing among
/// the images) to `lookalike`. A candidate is one if its extension differs from that of `<filename>`, and if
/// annotations in the same folder as its own find images with the extension they name, but none in the candidate's
/// folder. Candidates beside the annotation file are kept.
fn leave_lookalikes(layout: &Layout, names: &[Option<&str>], candidates: &mut [Candidates]) {
    let extension = |path: &Path| path.extension().map(std::ffi::OsStr::to_ascii_lowercase);
    let wanted: Vec<_> = names
        .iter()
        .map(|name| name.map(Path::new).filter(|name| is_image(name)))
        .map(|name| extension(name?))
        .collect();
    // For each folder of annotations the folders in which these find images with the extension they name.
    let mut exact: HashMap<&Path, HashSet<&Path>> = HashMap::new();
    for ((entry, wanted), found) in layout.entries.iter().zip(&wanted).zip(&*candidates) {
        let images = [found.named, found.own].into_iter().flatten();
        let images = images.filter(|image| wanted.is_some() && extension(image) == *wanted);
        let folders = images.filter_map(Path::parent);
        let beside = entry.xml.parent().unwrap_or(&entry.xml);
        exact.entry(beside).or_default().extend(folders);
    }
    for ((entry, wanted), found) in layout.entries.iter().zip(&wanted).zip(candidates) {
        let beside = entry.xml.parent().unwrap_or(&entry.xml);
        let folders = &exact[beside];
        let is_lookalike = |image: &&Path| {
            let folder = image.parent().unwrap_or(image);
            let is_other = wanted.is_some() && extension(image) != *wanted;
            is_other && !folders.is_empty() && folder != beside && !folders.contains(folder)
        };
        found.lookalike = found.own.or(found.named).filter(is_lookalike);
        found.named = found.named.filter(|image| !is_lookalike(image));
        found.own = found.own.filter(|image| !is_lookalike(image));
    }
}

/// The problem of an annotation that has no image.
fn missing(xml: &Path, name: Option<&str>, lookalike: Option<&Path>) -> Problem {
    let stem = xml.file_stem().unwrap_or_default().to_string_lossy();
    let found = name.unwrap_or("no name");
    match lookalike {
        None => {
            let expected = format!("an image that is there, or one called {stem}");
            Problem::new(xml, "filename", found, expected)
        }
        Some(image) => {
            let found = format!("no such file {found}");
            let image = image.display();
            let expected = format!("it in the folder of the other images, not {image}");
            Problem::new(xml, "filename", found, expected)
        }
    }
}

/// The problem of an annotation whose image is that of another one.
fn taken(xml: &Path, image: &Path, by: Option<&Path>) -> Problem {
    let found = image.display().to_string();
    let expected = match by {
        Some(other) => format!("an image of its own, not that of {}", other.display()),
        None => "an image that no other annotation names".to_owned(),
    };
    Problem::new(xml, "filename", found, expected)
}

/// Looks for images by folder and name.
struct Search<'a> {
    layout: &'a Layout,
    /// For each folder of annotations the folders in which their images may be, the likeliest first.
    folders: HashMap<&'a Path, Vec<PathBuf>>,
    /// All images by their names in lower case, without extension; empty for a devkit, whose images are in one folder.
    by_stem: HashMap<String, Vec<&'a Path>>,
}

impl<'a> Search<'a> {
    fn new(layout: &'a Layout) -> Self {
        let mut search = Self {
            layout,
            folders: HashMap::new(),
            by_stem: HashMap::new(),
        };
        let with_images: HashSet<&Path> = search.images().filter_map(Path::parent).collect();
        for folder in layout.entries.iter().filter_map(|entry| entry.xml.parent()) {
            let look = || {
                let mut folders = beside(&layout.folder, folder);
                folders.retain(|folder| with_images.contains(folder.as_path()));
                folders
            };
            search.folders.entry(folder).or_insert_with(look);
        }
        if !layout.is_devkit {
            let mut by_stem: HashMap<String, Vec<&Path>> = HashMap::new();
            for image in search.images() {
                by_stem.entry(stem(image)).or_default().push(image);
            }
            search.by_stem = by_stem;
        }
        search
    }

    /// All images but those in VOC's folders of segmentations, `SegmentationClass` and `SegmentationObject`.
    fn images(&self) -> impl Iterator<Item = &'a Path> {
        let is_segmentation = |image: &Path| {
            let below = image.strip_prefix(&self.layout.folder).unwrap_or(image);
            let mut folders = below.iter().rev().skip(1);
            folders.any(|name| name.to_string_lossy().starts_with("Segmentation"))
        };
        self.layout
            .files
            .images()
            .filter(move |image| !is_segmentation(image))
    }

    /// Returns the candidates for the annotation file `xml`, whose `<filename>` is `name`.
    fn candidates(&self, xml: &Path, name: Option<&str>) -> Candidates<'a> {
        let folder = xml.parent().unwrap_or(xml);
        let own_name = xml.file_stem().unwrap_or_default().to_string_lossy();
        let name = name.and_then(|name| name.rsplit(['/', '\\']).next());
        let name = name.filter(|name| !matches!(*name, "" | "." | ".."));
        // A name without an image's extension gets one, so that in `a.rf.1` the part `.1` is not taken for one. Which
        // one does not matter, since images are found by their stems, too.
        let name = name.map(|name| match is_image(Path::new(name)) {
            true => name.to_owned(),
            false => format!("{name}.jpg"),
        });
        let is_own = |name: &String| stem(Path::new(name)) == own_name.to_lowercase();
        let (named, own) = match name {
            Some(name) if is_own(&name) => (None, self.image(xml, folder, &name)),
            Some(name) => (
                self.image(xml, folder, &name),
                self.image(xml, folder, &format!("{own_name}.jpg")),
            ),
            None => (None, self.image(xml, folder, &format!("{own_name}.jpg"))),
        };
        Candidates {
            named: named.filter(|image| Some(*image) != own),
            own,
            lookalike: None,
        }
    }

    /// Returns the image called `name` in the folders that belong to the folder of annotations `folder`. If there is
    /// none, returns the only image with this name anywhere that is not in a folder of another split than `xml`.
    fn image(&self, xml: &Path, folder: &Path, name: &str) -> Option<&'a Path> {
        let beside = self.folders.get(folder)?;
        if let Some(image) = self.layout.files.image(beside, name) {
            return Some(image);
        }
        let root = &self.layout.folder;
        let split = split_of(root, xml);
        let found = self.by_stem.get(&stem(Path::new(name)))?;
        let mut found = found.iter().filter(|image| match split_of(root, image) {
            Some(of) => split.is_none_or(|split| split == of),
            None => true,
        });
        match (found.next(), found.next()) {
            (Some(image), None) => Some(image),
            _ => None,
        }
    }
}

/// Returns the folders below `root` in which the images of the annotations in `folder` may be: `folder` itself; then,
/// for it and each folder around it, those of [`FOLDERS`] in it, with subfolders that match the path to `folder`
/// (`images/train` for `annotations/train`); and the folders around it.
fn beside(root: &Path, folder: &Path) -> Vec<PathBuf> {
    let mut folders = vec![folder.to_owned()];
    for around in folder
        .ancestors()
        .take_while(|around| around.starts_with(root))
    {
        let below = folder.strip_prefix(around).unwrap_or(Path::new(""));
        let mut rest = below.iter();
        rest.next();
        for name in FOLDERS {
            let images = around.join(name);
            folders.push(images.join(below));
            folders.push(images.join(rest.as_path()));
            folders.push(images);
        }
        folders.push(around.to_owned());
    }
    folders
}

/// A file's name without its extension, in lower case.
fn stem(path: &Path) -> String {
    let stem = path.file_stem().unwrap_or_default();
    stem.to_string_lossy().to_lowercase()
}
