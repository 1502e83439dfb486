//! Reads the folders of a release of MS COCO into records (docs/SPEC.md C.2), and passes other data in COCO's format
//! to `own`.
//!
//! It assigns splits to files, and maps MS COCO's category ids (1 to 90) to its 80 class ids. Every annotated object
//! counts, crowd regions too, and images without objects are kept. val2014 is the test set. Without the published
//! files that divide train2014 into train and val (`layout`), [`is_validation`] takes about a tenth of it for val.

use std::collections::{HashMap, HashSet};
use std::path::Path;

use sha2::{Digest, Sha256};

use super::folder::ImageFolder;
use super::instances::Instances;
use super::layout::{self, Part, Release};
use super::loading::load_instances;
use super::mapped::Mapped;
use super::records::Making;
use super::{categories, own, published};
use crate::error::{Problem, Result};
use crate::source::naming::{Naming, Published};
use crate::source::record::{Source, SourceImage};
use crate::source::split::Split;

/// Whether an image of the training file is for validation where there are no split files: the
/// first 64 bits of the SHA-256 of its decimal id are a multiple of ten. In Python:
/// `int(hashlib.sha256(str(image_id).encode()).hexdigest()[:16], 16) % 10 == 0`.
pub fn is_validation(image_id: i64) -> bool {
    let digest = Sha256::digest(image_id.to_string().as_bytes());
    // The remainder by ten of a number of many bytes, computed byte by byte.
    let remainder = digest[..8]
        .iter()
        .fold(0, |rest, &byte| (rest * 256 + u32::from(byte)) % 10);
    remainder == 0
}

/// Reads the data set in `root`. It is read as a release of MS COCO if it has `annotations/`, the image folders
/// `train2014/` and `val2014/` (or `images/train2014/` and so on; also with 2017, or without a year), and no
/// categories but MS COCO's. All other data is read as the user's own. `naming` decides the data set's name.
///
/// # Errors
/// When there is no instances file, a release of MS COCO lacks a file or folder, a file cannot be read,
/// no image folder is found, or the name asked for is refused. Single images and annotations that are
/// wrong are left out and listed in [`Source::problems`].
pub fn read(root: &Path, naming: &Naming) -> Result<Source> {
    let mut notes = Vec::new();
    if let Some(release) = layout::release(root) {
        match &release.parts {
            Ok(parts) => match of_release(root, release.suffix, parts, naming)? {
                Ok(mut source) => {
                    source.notes.splice(0..0, release.notes);
                    return Ok(source);
                }
                Err(NotCoco(category)) => notes.push(format!(
                    "COCO has no category {category}: read as own data, whose val is no test set"
                )),
            },
            // Without a year these names are so common that a missing file does not show a broken release.
            Err(_) if release.suffix.is_empty() => {}
            Err(_) => {
                let Release { first, parts, .. } = release;
                if not_cocos(&load_instances(first)?).is_none() {
                    parts?;
                }
            }
        }
    }
    let files = layout::find(root)?;
    notes.extend(files.notes);
    let mut source = own::read(root, &files.parts, naming)?;
    source.notes.splice(0..0, notes);
    Ok(source)
}

/// A category that MS COCO does not have, as text: its name and id.
struct NotCoco(String);

/// Reads a release of MS COCO. The inner error is [`NotCoco`] where a file has categories of its own.
fn of_release(
    root: &Path,
    suffix: &str,
    parts: &[Part],
    naming: &Naming,
) -> Result<Result<Source, NotCoco>> {
    let mut source = Source::new(categories::NAMES.map(str::to_owned).to_vec());
    let mut ids = HashSet::new();
    let mut listed = Listed::default();
    for part in parts {
        let file = part.annotations.file_name().unwrap_or_default();
        let text = Mapped::open(&part.annotations)?;
        source.annotations.add(&file.to_string_lossy(), &text);
        drop(text);
        let instances = load_instances(&part.annotations)?;
        if let Some(category) = not_cocos(&instances) {
            return Ok(Err(category));
        }
        source.credit.fill(instances.credit().clone());
        listed.add(&instances, part.split);
        let known = instances.categories().iter().map(|category| category.id);
        let classes: HashMap<i64, i32> = known
            .filter_map(|id| Some((id, categories::class_id(id)?)))
            .collect();
        let by_rule = |image_id| match is_validation(image_id) {
            true => Split::Val,
            false => Split::Train,
        };
        let made = Making {
            instances: &instances,
            classes: &classes,
            folder: &ImageFolder::new(part.images.clone().unwrap_or_default(), &instances),
            split: &|image_id| part.split.unwrap_or_else(|| by_rule(image_id)),
        }
        .all();
        source.problems.extend(made.problems);
        source.remarks.extend(made.remarks);
        source.notes.extend(made.counts.notes());
        for image in made.images {
            match first_of_its_id(image, &mut ids, part) {
                Ok(image) => source.images.push(image),
                Err(problem) => source.problems.push(problem),
            }
        }
    }
    // Stable: within a split the images stay sorted by COCO's id.
    source.images.sort_by_key(|image| image.split);
    naming.give(&mut source, root, Some(listed.published(suffix)))?;
    Ok(Ok(source))
}

/// The categories and images that the annotation files list, by which COCO 2014 is recognised.
#[derive(Default)]
struct Listed {
    /// Names of the categories that all files have; `None` before the first file.
    categories: Option<Vec<Box<str>>>,
    /// Id and file name of the images of the training files (train and val), then of those of the test file.
    images: [Vec<(i64, Box<str>)>; 2],
}

impl Listed {
    /// Adds the categories and images of a file of this split (`None`: train and val).
    fn add(&mut self, instances: &Instances, split: Option<Split>) {
        let names: Vec<Box<str>> = instances
            .categories()
            .iter()
            .map(|category| category.name.clone())
            .collect();
        match &mut self.categories {
            None => self.categories = Some(names),
            Some(categories) => categories.retain(|name| names.contains(name)),
        }
        let images = instances.images().iter();
        self.images[usize::from(split == Some(Split::Test))]
            .extend(images.map(|image| (image.id, image.file_name.clone())));
    }

    /// Compares the lists with COCO 2014's; `suffix` is the suffix of the files' names.
    fn published(&self, suffix: &str) -> Published {
        let categories = self.categories.iter().flatten();
        let categories: Vec<&str> = categories.map(|name| &**name).collect();
        let [train, val] = self.images.each_ref().map(|images| {
            let images = images.iter().map(|(id, name)| (*id, &**name));
            images.collect::<Vec<(i64, &str)>>()
        });
        published::coco2014(suffix, &categories, [&train, &val])
    }
}

/// Returns the first category of a file that is not one of MS COCO's by id and name; `None` where all are.
fn not_cocos(instances: &Instances) -> Option<NotCoco> {
    let mut categories = instances.categories().iter();
    let other = categories.find(|category| {
        let class_id = categories::class_id(category.id);
        class_id.is_none_or(|id| categories::NAMES[id as usize] != &*category.name)
    })?;
    let name = crate::error::quoted(&other.name);
    Some(NotCoco(format!("{name} with the id {}", other.id)))
}

/// Refuses an image whose id an earlier file has, too. `ids` are the ids so far.
fn first_of_its_id(
    image: SourceImage,
    ids: &mut HashSet<String>,
    part: &Part,
) -> Result<SourceImage, Problem> {
    if ids.insert(image.image_id.clone()) {
        return Ok(image);
    }
    Err(Problem::new(
        &part.annotations,
        format!("images[id={}]", image.image_id),
        "an id that another annotation file has too",
        "an image in one split only",
    ))
}
