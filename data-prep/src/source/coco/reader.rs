//! Reads MS COCO's folders and `instances_*.json` into records (docs/SPEC.md C.2).
//!
//! It decides which file is which split, maps COCO's category ids (1 to 90) to the 80 class ids, and makes
//! boxes and run lengths of the annotations. Every annotated object counts, crowd regions too, and
//! images without objects stay. `loading` reads the JSON; `convert` opens the image files.
//!
//! val2014 is the test set. Where NN-Explainer's `train2014_train_split.json` and
//! `train2014_val_split.json` lie in `annotations/`, they are training and validation set. Otherwise
//! [`is_validation`] draws about a tenth of train2014 for validation.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use rayon::prelude::*;
use sha2::{Digest, Sha256};

use super::instances::{Annotation, Image, Instances};
use super::loading::load_instances;
use super::mapped::Mapped;
use super::{categories, published};
use crate::error::{Error, Problem, Result};
use crate::mask::rle::CompressedRle;
use crate::source::entry::{Folder, Format};
use crate::source::naming::{Naming, Published};
use crate::source::record::{Source, SourceImage, SourceObject, is_inside};
use crate::source::split::Split;

/// The suffixes in the names of COCO's releases, `instances_train<suffix>.json` and `train<suffix>/`. The
/// first one found is read, so the paper's release comes first.
const SUFFIXES: [&str; 3] = ["2014", "2017", ""];

/// The options of the command `coco`.
#[derive(Debug, clap::Args)]
pub struct Coco {
    #[command(flatten)]
    folder: Folder,
}

impl Format for Coco {
    const NAME: &str = "coco";
    const TITLE: &str = "MS COCO: annotations/instances_*.json and the image folders";
    const DATASETS: &[&str] = &[published::COCO2014];

    fn open(&self, _: &Path, naming: Naming) -> anyhow::Result<Source> {
        Ok(read(&self.folder.root, &self.folder.named(naming))?)
    }
}

/// An annotation file and its split.
struct Part {
    annotations: PathBuf,
    /// The folder of its images.
    images: PathBuf,
    /// The split of its images; `None`: training and validation by [`is_validation`].
    split: Option<Split>,
}

/// Whether an image of the training file is for validation where there are no split files: the
/// first 64 bits of the SHA-256 of its decimal id are a multiple of ten. In Python:
/// `int(hashlib.sha256(str(image_id).encode()).hexdigest()[:16], 16) % 10 == 0`.
pub fn is_validation(image_id: i64) -> bool {
    let digest = Sha256::digest(image_id.to_string().as_bytes());
    // The remainder of a number is that of its digits, taken one after the other.
    let remainder = digest[..8]
        .iter()
        .fold(0, |rest, &byte| (rest * 256 + u32::from(byte)) % 10);
    remainder == 0
}

/// Reads the data set in `root`, which holds `annotations/` and the image folders `train2014/` and
/// `val2014/` (or `images/train2014/` and so on); names with 2017, or without a year, are found as well.
/// `naming` decides the data set's name.
///
/// # Errors
/// When the folder is laid out otherwise, a file is no instances file, its categories are not COCO's, or
/// the name asked for is refused. Images with a broken entry or annotation are left out and listed in
/// [`Source::problems`].
pub fn read(root: &Path, naming: &Naming) -> Result<Source> {
    let (suffix, parts) = layout(root)?;
    let mut source = Source::new(categories::NAMES.map(str::to_owned).to_vec());
    let mut ids = HashSet::new();
    let mut listed = Listed::default();
    for part in &parts {
        let file = part.annotations.file_name().unwrap_or_default();
        let text = Mapped::open(&part.annotations)?;
        source.annotations.add(&file.to_string_lossy(), &text);
        drop(text);
        let instances = load_instances(&part.annotations)?;
        check_categories(&instances)?;
        listed.add(&instances, part.split);
        let broken: HashSet<i64> = instances
            .problems()
            .iter()
            .filter_map(|item| item.image_id)
            .collect();
        let left_out = instances.problems().iter();
        source
            .problems
            .extend(left_out.map(|item| item.problem.clone()));

        let read: Vec<Result<SourceImage, Problem>> = (0..instances.images().len())
            .into_par_iter()
            .filter(|&index| !broken.contains(&instances.images()[index].id))
            .map(|index| image(&instances, index, part))
            .collect();
        for image in read {
            match image.and_then(|image| first_of_its_id(image, &mut ids, part)) {
                Ok(image) => source.images.push(image),
                Err(problem) => source.problems.push(problem),
            }
        }
    }
    // Stable: within a split the images stay sorted by COCO's id.
    source.images.sort_by_key(|image| image.split);
    naming.give(&mut source, root, Some(listed.published(suffix)))?;
    Ok(source)
}

/// The categories and images that the files list, from which the data set is recognised.
#[derive(Default)]
struct Listed {
    /// Names of the categories that all files have; `None` before the first file.
    categories: Option<Vec<Box<str>>>,
    /// Id and name of the training files' images, and of the test file's.
    images: [Vec<(i64, Box<str>)>; 2],
}

impl Listed {
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

    /// Compares the lists with COCO 2014's; the files' names end in `suffix`.
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

/// Finds the annotation files and image folders of the first release that is there.
fn layout(root: &Path) -> Result<(&'static str, Vec<Part>)> {
    let annotations = root.join("annotations");
    let file = |name: String| annotations.join(name);
    let Some(suffix) = SUFFIXES.iter().find(|suffix| {
        file(format!("instances_train{suffix}.json")).is_file()
            || file(format!("instances_val{suffix}.json")).is_file()
    }) else {
        return Err(Error::layout(
            annotations,
            "annotation files",
            "none of the names known",
            "instances_train2014.json and instances_val2014.json",
        ));
    };
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
            images: folder(folder_name)?,
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
    Ok((suffix, parts))
}

/// Refuses a file in which a category has another id or name than in COCO.
fn check_categories(instances: &Instances) -> Result<()> {
    for (index, category) in instances.categories().iter().enumerate() {
        let field = format!("categories[{index}]");
        match categories::class_id(category.id) {
            Some(class_id) if categories::NAMES[class_id as usize] == &*category.name => {}
            Some(class_id) => {
                let expected = categories::NAMES[class_id as usize];
                let (found, field) = (&*category.name, format!("{field}.name"));
                return Err(Problem::new(instances.path(), field, found, expected).into());
            }
            None => {
                let (found, field) = (category.id.to_string(), format!("{field}.id"));
                let expected = "one of COCO's 80 category ids (1 to 90)";
                return Err(Problem::new(instances.path(), field, found, expected).into());
            }
        }
    }
    Ok(())
}

/// The record of an image and its objects.
fn image(instances: &Instances, index: usize, part: &Part) -> Result<SourceImage, Problem> {
    let image = &instances.images()[index];
    if !is_inside(&image.file_name) {
        return Err(Problem::new(
            instances.path(),
            format!("images[id={}].file_name", image.id),
            format!("{:?}", image.file_name),
            "a file inside the image folder",
        ));
    }
    let mut ids = HashSet::new();
    let objects = instances
        .annotations_of(index)
        .map(|annotation| {
            if !ids.insert(annotation.id) {
                return Err(Problem::new(
                    instances.path(),
                    format!("annotations[{}].id", annotation.index),
                    format!("{} again on image {}", annotation.id, image.id),
                    "another id for each object",
                ));
            }
            object(instances, annotation, image)
        })
        .collect::<Result<_, _>>()?;
    let by_rule = || match is_validation(image.id) {
        true => Split::Val,
        false => Split::Train,
    };
    Ok(SourceImage {
        image_id: image.id.to_string(),
        file_name: image.file_name.to_string(),
        path: part.images.join(&*image.file_name),
        split: part.split.unwrap_or_else(by_rule),
        size: Some((image.width, image.height)),
        group_id: None,
        extra_labels: Vec::new(),
        objects,
    })
}

/// The record of an object.
fn object(
    instances: &Instances,
    annotation: &Annotation,
    image: &Image,
) -> Result<SourceObject, Problem> {
    let known = instances.categories().iter();
    let class_id = categories::class_id(annotation.category_id)
        .filter(|_| {
            known
                .clone()
                .any(|category| category.id == annotation.category_id)
        })
        .ok_or_else(|| {
            Problem::new(
                instances.path(),
                format!("annotations[{}].category_id", annotation.index),
                annotation.category_id.to_string(),
                "the id of one of the categories",
            )
        })?;
    let [x, y, width, height] = annotation.bbox;
    let segmentation = instances.segmentation(annotation, image)?;
    Ok(SourceObject {
        instance_id: annotation.id,
        class_id,
        bbox: [x, y, x + width, y + height],
        is_difficult: false,
        is_crowd: annotation.is_crowd,
        area: annotation.area,
        mask_kind: instances.mask_kind(annotation),
        segmentation: segmentation.as_ref().map(CompressedRle::from),
    })
}

/// Refuses an image whose id an earlier file had.
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
