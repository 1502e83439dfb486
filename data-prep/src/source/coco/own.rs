//! Reads COCO JSON of the user's own data, as Roboflow, CVAT, FiftyOne, Label Studio and others write it: with any
//! categories, in one file or several, whose image ids may each start at 1 again.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::path::{Path, PathBuf};

use super::classes::Classes;
use super::counts::Counts;
use super::folder::{self, ImageFolder};
use super::instances::Instances;
use super::layout::{self, Part};
use super::leftover;
use super::loading::load_instances;
use super::mapped::Mapped;
use super::records::{Made, Making, merge};
use crate::error::{Problem, Result};
use crate::source::files::Files;
use crate::source::naming::Naming;
use crate::source::record::{Source, SourceImage};
use crate::source::split::Split;

/// Reads the annotation files `parts` of the data set in the folder `root`; `naming` decides the data set's name.
///
/// # Errors
/// When a file cannot be read or has a wrong category, its image folder is not found, or the name asked
/// for is refused. Single images and annotations that are wrong are left out and listed in
/// [`Source::problems`].
pub(super) fn read(root: &Path, parts: &[Part], naming: &Naming) -> Result<Source> {
    let mut source = Source::new(Vec::new());
    let mut reading = Reading {
        root,
        listed: None,
        classes: Classes::default(),
        in_file: HashMap::new(),
        counts: Counts::default(),
    };
    let mut n_images = Vec::new();
    for part in parts {
        let before = source.images.len();
        reading.part(part, &mut source)?;
        n_images.push(source.images.len() - before);
    }
    source.classes = reading.classes.names().to_vec();
    source.notes.extend(reading.counts.notes());
    let used = reading.in_file.keys().map(PathBuf::as_path);
    source.notes.extend(leftover::note(used));
    let labels = source.images.iter().flat_map(SourceImage::labels);
    let shown: BTreeSet<i32> = labels.collect();
    source.notes.extend(reading.classes.notes(&shown));
    tell_ids_apart(&mut source, parts, &n_images);
    divide(&mut source, parts);
    naming.give(&mut source, root, None)?;
    Ok(source)
}

/// What is known while the files are read one after the other.
struct Reading<'a> {
    root: &'a Path,
    /// The folder whose files were listed last, and its files, kept for the next annotation file.
    listed: Option<(PathBuf, Files)>,
    classes: Classes,
    /// For the path of each image file the path of the annotation file that lists it.
    in_file: HashMap<PathBuf, PathBuf>,
    counts: Counts,
}

impl Reading<'_> {
    /// Reads an annotation file and adds its images to `source`.
    fn part(&mut self, part: &Part, source: &mut Source) -> Result<()> {
        let file = &part.annotations;
        let name = file.strip_prefix(self.root).unwrap_or(file);
        let text = Mapped::open(file)?;
        source.annotations.add(&name.to_string_lossy(), &text);
        drop(text);
        let instances = load_instances(file)?;
        source.credit.fill(instances.credit().clone());
        let classes = self.classes.add(&instances)?;
        let folder = ImageFolder::new(self.folder(part, &instances)?, &instances);
        let mut made = Making {
            instances: &instances,
            classes: &classes,
            folder: &folder,
            split: &|_| part.split.unwrap_or(Split::Train),
        }
        .all();
        merge(&mut made, file);
        self.leave_out_of_other_files(part, &mut made);
        source.images.extend(made.images);
        source.problems.extend(made.problems);
        source.remarks.extend(made.remarks);
        self.counts += made.counts;
        Ok(())
    }

    /// Returns the folder of an annotation file's images: the one that the user named, else the one found.
    fn folder(&mut self, part: &Part, instances: &Instances) -> Result<PathBuf> {
        if let Some(images) = &part.images {
            return Ok(images.clone());
        }
        let root = match part.annotations.starts_with(self.root) {
            true => self.root,
            false => layout::data_folder(&part.annotations),
        };
        if self.listed.as_ref().is_none_or(|(of, _)| of != root) {
            self.listed = None; // freed before the next list is made
        }
        let (_, files) = match &mut self.listed {
            Some(listed) => listed,
            none => none.insert((root.to_owned(), Files::below(root)?)),
        };
        let names = instances.images().iter().map(|image| &*image.file_name);
        folder::choose(root, part, files, names)
    }

    /// Removes the images whose image file an earlier annotation file lists, too, and reports them. Their objects
    /// are not put together, as [`merge`] does within one annotation file: in files of two splits the image would be
    /// in both, and files of one split may annotate the same objects twice. The user must say which file is right;
    /// with `--on-error skip` the first one counts, in the order of the splits.
    fn leave_out_of_other_files(&mut self, part: &Part, made: &mut Made) {
        let Made {
            images, problems, ..
        } = made;
        images.retain(|image| {
            let Some(other) = self.in_file.get(&image.path) else {
                self.in_file
                    .insert(image.path.clone(), part.annotations.clone());
                return true;
            };
            let other = other.strip_prefix(self.root).unwrap_or(other);
            problems.push(Problem::new(
                &part.annotations,
                format!("images[id={}].file_name", image.image_id),
                format!("{}, which {} has too", image.file_name, other.display()),
                "an image in one annotation file only",
            ));
            false
        });
    }
}

/// Where two files have the same image id, puts a label for the file before all image ids, e.g. `train/7`. `n_images`
/// is the number of images of each file of `parts`; [`Source::images`] has them in this order.
fn tell_ids_apart(source: &mut Source, parts: &[Part], n_images: &[usize]) {
    let ids: HashSet<&str> = source
        .images
        .iter()
        .map(|it| it.image_id.as_str())
        .collect();
    if ids.len() == source.images.len() {
        return;
    }
    let labels = layout::labels(parts);
    let of_images = labels
        .iter()
        .zip(n_images)
        .flat_map(|(label, &count)| std::iter::repeat_n(label, count));
    for (image, label) in source.images.iter_mut().zip(of_images) {
        image.image_id = format!("{label}/{}", image.image_id);
    }
    if let Some(image) = source.images.first() {
        let note = format!(
            "image ids restart in each annotation file: written as {}",
            image.image_id
        );
        source.notes.push(note);
    }
}

/// Sorts the images by split, and records whether the files say splits; where only some do, adds a note.
fn divide(source: &mut Source, parts: &[Part]) {
    let unnamed = parts.iter().filter(|part| part.split.is_none()).count();
    source.has_splits = unnamed < parts.len();
    if source.has_splits && unnamed > 0 {
        let note = format!("{unnamed} annotation files are named for no split: read as train");
        source.notes.push(note);
    }
    source.images.sort_by_key(|image| image.split); // stable
}
