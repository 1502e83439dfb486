//! Finds the images of a YOLO export, their splits and their label files: in the folders and lists that `data.yaml` or
//! `obj.data` names, else in all folders, whose names may say the split.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::path::{Component, Path, PathBuf};

use super::config::{Config, Declared};
use crate::error::{Error, Problem, Result};
use crate::source::files::{Files, is_image};
use crate::source::finding::{Gallery, Shortened};
use crate::source::split::Split;
use crate::words;

/// The images of an export.
#[derive(Default)]
pub(super) struct Images {
    /// Image files with their splits, each file once: where the export says splits, in their order.
    pub images: Vec<(PathBuf, Split)>,
    /// Whether the export says splits; if not, all images are in train.
    pub has_splits: bool,
    /// Lines of lists that name no image.
    pub problems: Vec<Problem>,
    pub notes: Vec<String>,
    /// The lists of images read, as the split's name and the content, for the hash.
    pub inputs: Vec<(String, Vec<u8>)>,
}

impl Images {
    /// Finds the images of the export in the folder `root`.
    ///
    /// # Errors
    /// When no image is found, or the folder or list of the training images is missing.
    pub(super) fn find(root: &Path, config: &Config) -> Result<Self> {
        let gallery = Gallery::below(root)?;
        let mut found = Self::default();
        if config.splits.is_empty() {
            found.by_folder(root, gallery.files());
        } else {
            found.has_splits = true;
            for declared in &config.splits {
                for place in &declared.places {
                    found.add_place(config, &gallery, declared, place)?;
                }
            }
            found.drop_repeated();
            found.say_unused(gallery.files());
        }
        if found.images.is_empty() && found.problems.is_empty() {
            let expected = "images in the folders that the export names";
            return Err(Error::layout(root, "images", "none", expected));
        }
        Ok(found)
    }

    /// Adds the images of a place that the export declares for a split: a folder, or a text file that lists images. A
    /// missing place is a note, for train an error.
    fn add_place(
        &mut self,
        config: &Config,
        gallery: &Gallery,
        declared: &Declared,
        place: &str,
    ) -> Result<()> {
        let Declared {
            split, file, key, ..
        } = declared;
        match resolve(&config.bases, place) {
            Some(path) if path.is_dir() => {
                let files = Files::below(&path)?;
                self.images
                    .extend(files.images().map(|image| (image.to_owned(), *split)));
                Ok(())
            }
            Some(path) if !is_image(&path) => self.add_list(config, gallery, *split, &path),
            _ if *split == Split::Train => {
                let found = format!("{place}: no such folder or list");
                let expected =
                    "a folder of images or a .txt that lists them, beside the file or below `path`";
                Err(Problem::new(file, key, found, expected).into())
            }
            _ => {
                self.notes.push(format!(
                    "{}: {key}: there is no {place}: read without it",
                    file.display()
                ));
                Ok(())
            }
        }
    }

    /// Adds the images that a text file lists, one per line.
    fn add_list(
        &mut self,
        config: &Config,
        gallery: &Gallery,
        split: Split,
        list: &Path,
    ) -> Result<()> {
        let text = fs_err::read_to_string(list)?;
        let mut folders: Vec<PathBuf> = list.parent().map(Path::to_owned).into_iter().collect();
        folders.extend(config.bases.iter().cloned());
        let mut shortened = Shortened::default();
        let lines = (1..).zip(text.trim_start_matches('\u{feff}').lines());
        for (number, line) in lines.filter(|(_, line)| !line.trim().is_empty()) {
            let line = line.trim();
            let as_written = folders
                .iter()
                .map(|folder| folder.join(line))
                .find(|path| path.is_file());
            let found = match as_written {
                Some(path) => Ok(path),
                None => gallery
                    .find(&folders, line)
                    .map_err(str::to_owned)
                    .and_then(|found| {
                        shortened.check(&found)?;
                        Ok(found.path.to_owned())
                    }),
            };
            match found {
                Ok(path) => self.images.push((plain(&path), split)),
                Err(expected) => {
                    self.problems.push(Problem::new(
                        list,
                        format!("line {number}"),
                        line,
                        expected,
                    ));
                }
            }
        }
        self.inputs.push((split.to_string(), text.into_bytes()));
        Ok(())
    }

    /// Adds all images, with the splits that the names of their folders say. Where there are folders called `images`,
    /// only images in these are added.
    fn by_folder(&mut self, root: &Path, files: &Files) {
        let inside = |path: &Path| -> Vec<String> {
            let folder = path.parent().unwrap_or(root);
            let folders = folder.strip_prefix(root).unwrap_or(folder).components();
            folders
                .map(|part| part.as_os_str().to_string_lossy().into_owned())
                .collect()
        };
        let all: Vec<(&Path, Vec<String>)> =
            files.images().map(|path| (path, inside(path))).collect();
        let is_images = |folders: &Vec<String>| {
            folders
                .iter()
                .any(|name| name.eq_ignore_ascii_case("images"))
        };
        let any_images = all.iter().any(|(_, folders)| is_images(folders));
        let taken: Vec<_> = all
            .iter()
            .filter(|(_, folders)| !any_images || is_images(folders))
            .collect();
        if taken.len() < all.len() {
            self.notes.push(format!(
                "{} outside the folders called images: left out",
                words::images(all.len() - taken.len(), "is", "are")
            ));
        }
        let mut without = 0;
        for (path, folders) in &taken {
            let split = folders.iter().find_map(|name| Split::named_in(name));
            without += usize::from(split.is_none());
            self.images
                .push((path.to_path_buf(), split.unwrap_or(Split::Train)));
        }
        self.has_splits = without < taken.len();
        if self.has_splits && without > 0 {
            self.notes.push(format!(
                "{} in no folder of a split: put into train",
                words::images(without, "is", "are")
            ));
        }
    }

    /// Leaves out the validation or test images if not one of them has a label file, as in demonstrations; such splits
    /// are later cut from the training images. If no training image has a label file either, does nothing, and
    /// [`LabelFiles::find`] reports the error.
    pub(super) fn drop_unlabelled(&mut self, root: &Path) {
        let of = |images: &[(PathBuf, Split)], wanted: Split| -> Vec<PathBuf> {
            let images = images.iter().filter(|(_, split)| *split == wanted);
            images.map(|(path, _)| path.clone()).collect()
        };
        let is_labelled = |image: &PathBuf| label_places(image).iter().any(|path| path.is_file());
        if !of(&self.images, Split::Train).iter().any(is_labelled) {
            return;
        }
        for split in [Split::Val, Split::Test] {
            let images = of(&self.images, split);
            let Some(first) = images.first().filter(|_| !images.iter().any(is_labelled)) else {
                continue;
            };
            let places = label_places(first);
            let folder = places.first().and_then(|path| path.parent());
            let folder = folder.unwrap_or(root);
            self.notes.push(format!(
                "{split}: no label files in {} for its {}: left out",
                folder.strip_prefix(root).unwrap_or(folder).display(),
                words::n_images(images.len())
            ));
            self.images.retain(|(_, of)| *of != split);
        }
    }

    /// Adds a note on how many image files the export puts into no split. Paths are resolved first, since links and
    /// `path` in `data.yaml` can lead to one file by different paths.
    fn say_unused(&mut self, files: &Files) {
        let real = |path: &Path| fs_err::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        let used: HashSet<PathBuf> = self.images.iter().map(|(path, _)| real(path)).collect();
        let unused = files.images().filter(|path| !used.contains(&real(path)));
        match unused.count() {
            0 => {}
            count => self.notes.push(format!(
                "{} in no split: left out",
                words::images(count, "is", "are")
            )),
        }
    }

    /// Keeps an image that is in several splits in one of them only, which [`keepers`] chooses, and an image that is
    /// named twice once.
    fn drop_repeated(&mut self) {
        self.images.sort_by_key(|(_, split)| *split); // stable
        let kept = keepers(&self.images);
        let mut seen: HashSet<PathBuf> = HashSet::new();
        let mut repeated: BTreeMap<(Split, Split, Split), usize> = BTreeMap::new();
        self.images.retain(|(path, split)| {
            let kept = kept.get(path).copied().unwrap_or(*split);
            let is_first = kept == *split && seen.insert(path.clone());
            if !is_first {
                let both = (kept.min(*split), kept.max(*split), kept);
                *repeated.entry(both).or_default() += 1;
            }
            is_first
        });
        for ((one, other, kept), count) in repeated {
            let images = words::images(count, "is", "are");
            self.notes.push(match one == other {
                true => format!("{images} named twice in {kept}: taken once"),
                false => format!("{images} in {one} and in {other}: taken in {kept} only"),
            });
        }
    }
}

/// Returns the split in which each image is kept. Of two splits it is the later one, so that val and test have all
/// their images. It is the earlier one if that split would otherwise become empty, or if the later split has no
/// images of its own: then the later split is dropped as a mere copy, and is later cut from train anew.
fn keepers(images: &[(PathBuf, Split)]) -> HashMap<PathBuf, Split> {
    let mut splits_of: HashMap<&Path, BTreeSet<Split>> = HashMap::new();
    for (path, split) in images {
        splits_of.entry(path).or_default().insert(*split);
    }
    let is_later_kept = |before: Split, after: Split| {
        let mut all = splits_of.values();
        let keeps_some = |splits: &BTreeSet<Split>| splits.contains(&before) && splits.len() == 1;
        let has_others =
            |splits: &BTreeSet<Split>| splits.contains(&after) && !splits.contains(&before);
        all.clone().any(keeps_some) && all.any(has_others)
    };
    // Pairs of splits whose common images are kept in the second.
    let mut later = BTreeSet::new();
    for before in Split::ALL {
        let after = Split::ALL.into_iter().filter(|after| *after > before);
        later.extend(
            after
                .filter(|after| is_later_kept(before, *after))
                .map(|after| (before, after)),
        );
    }
    let keeper = |splits: &BTreeSet<Split>| {
        let splits = splits.iter().copied();
        splits.reduce(|kept, split| match later.contains(&(kept, split)) {
            true => split,
            false => kept,
        })
    };
    let kept = splits_of
        .iter()
        .map(|(path, splits)| Some((path.to_path_buf(), keeper(splits)?)));
    kept.flatten().collect()
}

/// Returns the folder or file that a path in a configuration means; `None` where there is none. It is looked for
/// relative to each base, as Ultralytics does; then without the leading `..` that Roboflow writes; then without its
/// first folder, its first two and so on. A single folder name such as `images` is not tried, because it could be the
/// folder of another split.
fn resolve(bases: &[PathBuf], place: &str) -> Option<PathBuf> {
    let place = place.trim().replace('\\', "/");
    let at_base = |end: &str| {
        bases
            .iter()
            .map(|base| base.join(end))
            .find(|path| path.exists())
    };
    let inside = place.trim_start_matches("./").trim_start_matches("../");
    let mut found = at_base(&place).or_else(|| at_base(inside));
    let mut rest = inside;
    while let Some((_, end)) = rest.split_once('/').filter(|_| found.is_none()) {
        let path = at_base(end).filter(|path| end.contains('/') || path.is_file());
        found = path.filter(|_| !end.is_empty());
        rest = end;
    }
    found.map(|path| plain(&path))
}

/// Returns a path with its parts `.` removed, and each `..` removed together with the folder before it.
fn plain(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for part in path.components() {
        let after_name = matches!(plain.components().next_back(), Some(Component::Normal(_)));
        match part {
            Component::CurDir => {}
            Component::ParentDir if after_name => drop(plain.pop()),
            part => plain.push(part),
        }
    }
    plain
}

/// Where the label files of images are.
#[derive(Default)]
pub(super) struct LabelFiles {
    /// The label file of each image, in the order of [`Images::images`]; `None` where there is none.
    pub of_image: Vec<Option<PathBuf>>,
    /// Label files in folders called `labels` that belong to no image.
    pub without_image: Vec<PathBuf>,
}

impl LabelFiles {
    /// Finds the label file of each image.
    ///
    /// # Errors
    /// When more than half of all images, or all images of a split, have no label file.
    pub(super) fn find(images: &Images) -> Result<Self> {
        let mut found = Self::default();
        // For each folder of label files the number of images that lack one there.
        let mut folders: BTreeMap<PathBuf, usize> = BTreeMap::new();
        // For each split the number of images without a label file, and of all images.
        let mut missing: BTreeMap<Split, (usize, usize)> = BTreeMap::new();
        for (image, split) in &images.images {
            let places = label_places(image);
            let label = places.iter().find(|path| path.is_file());
            let (none, all) = missing.entry(*split).or_default();
            *all += 1;
            let looked_in = label.or(places.first()).and_then(|path| path.parent());
            let lacking = folders
                .entry(looked_in.unwrap_or(image).to_owned())
                .or_default();
            if label.is_none() {
                *none += 1;
                *lacking += 1;
            }
            found.of_image.push(label.cloned());
        }
        let (none, all) = missing
            .values()
            .fold((0, 0), |sum, of| (sum.0 + of.0, sum.1 + of.1));
        let without = missing.iter().find(|(_, (none, all))| none == all);
        if let Some((count, what)) = match without {
            _ if none * 2 > all => Some((none, format!("{all} images"))),
            Some((split, (none, _))) => Some((*none, format!("{none} images of {split}"))),
            None => None,
        } {
            let worst = folders.iter().max_by_key(|(_, lacking)| **lacking);
            let folder = worst.map(|(folder, _)| folder.clone()).unwrap_or_default();
            let expected = "a .txt for each image that has objects";
            let text = format!("none for {count} of {what}");
            return Err(Error::layout(folder, "label files", text, expected));
        }
        found.find_without_image(images, folders.keys());
        Ok(found)
    }

    /// Collects the label files that belong to no image, in those of `folders` that are called `labels` or lie in one
    /// called so. Does nothing where lists of images were read, since these may leave images out on purpose.
    fn find_without_image<'f>(
        &mut self,
        images: &Images,
        folders: impl Iterator<Item = &'f PathBuf>,
    ) {
        if !images.inputs.is_empty() {
            return;
        }
        let used: HashSet<&Path> = self
            .of_image
            .iter()
            .flatten()
            .map(PathBuf::as_path)
            .collect();
        let is_labels = |folder: &&PathBuf| {
            let mut names = folder.components();
            names.any(|name| name.as_os_str().eq_ignore_ascii_case("labels"))
        };
        let mut without = Vec::new();
        for folder in folders.filter(is_labels) {
            let entries = fs_err::read_dir(folder).into_iter().flatten().flatten();
            without.extend(entries.map(|entry| entry.path()).filter(|path| {
                let is_list = path.file_name().is_some_and(|name| name == "classes.txt");
                path.extension().is_some_and(|ext| ext == "txt")
                    && !is_list
                    && !used.contains(&**path)
            }));
        }
        without.sort();
        self.without_image = without;
    }
}

/// Returns the paths that an image's label file may have, in the order in which they are tried: with `labels` in the
/// place of the last folder called `images`, as Ultralytics does, and beside the image.
pub(super) fn label_places(image: &Path) -> Vec<PathBuf> {
    let beside = image.with_extension("txt");
    in_labels(image).into_iter().chain([beside]).collect()
}

/// Returns the path with `labels` in the place of its last folder called `images`, and the extension `.txt`; `None`
/// where there is no such folder.
fn in_labels(image: &Path) -> Option<PathBuf> {
    let parts: Vec<Component> = image.components().collect();
    let at = parts
        .iter()
        .rposition(|part| part.as_os_str() == "images")?;
    if at + 1 == parts.len() {
        return None;
    }
    let mut path: PathBuf = parts[..at].iter().collect();
    path.push("labels");
    path.extend(&parts[at + 1..]);
    Some(path.with_extension("txt"))
}
