//! Reads data with annotations in PASCAL VOC's XML into records (docs/SPEC.md C.1): a folder in the layout of VOC's
//! devkit, as VOC and CVAT have it, or XML files anywhere below a folder, as Roboflow, LabelImg and Kaggle have them.
//!
//! Every object counts, difficult ones too; their flag is kept. Boxes stay as the XML has them
//! (1-based, not shifted). The embedded scenes are read by the same code: their devkit also has
//! `classes.txt` and `test_shifted.txt`. `layout` finds the annotations, `annotation` reads one, `classes`
//! decides the class list, `pictures` finds the image files, `segmentation` reads segmentation images.
//! An image file is opened here only for its size, where the annotation has none, and for its EXIF orientation, where a
//! box reaches beyond the image. `convert` decodes it.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use rayon::prelude::*;

use super::annotation::{Annotation, is_foreign, read_annotation};
use super::classes::Classes;
use super::layout::{Entry, Layout, devkit_in, shorten, slashed, split_of};
use super::pictures::Pictures;
use super::{published, segmentation, shape, text};
use crate::error::{Error, Problem, Result, unreadable};
use crate::image::orientation::Orientation;
use crate::source::credit::Credit;
use crate::source::entry::{Folder, Format};
use crate::source::files::Files;
use crate::source::naming::Naming;
use crate::source::record::{Fingerprint, MaskKind, Source, SourceImage, SourceObject};
use crate::source::split::Split;
use crate::words;

/// The most XML files that are opened to see whether one is an annotation. Chosen.
const LOOKED_AT: usize = 1000;

/// The options of the command `voc`.
#[derive(Debug, clap::Args)]
pub struct Voc {
    #[command(flatten)]
    folder: Folder,
    /// True for `data-prep read`, which is for any data: VOC's classes are taken only where the images are
    /// also called like VOC's. False for `data-prep voc`, which is for VOC's own devkit and copies of it with
    /// other images. The command decides, because the files cannot: own data may have only dogs and cats, too.
    #[arg(skip)]
    is_own: bool,
}

impl Format for Voc {
    const NAME: &str = "voc";
    const TITLE: &str = "PASCAL VOC in the devkit's layout, or XML files and images in any folders";
    const DATASETS: &[&str] = &[published::VOC2007];

    fn open(&self, _: &Path, naming: Naming) -> anyhow::Result<Source> {
        let naming = self.folder.named(naming);
        Ok(read_as(&self.folder.root, &naming, self.is_own)?)
    }

    fn credit(dataset: &str) -> Option<Credit> {
        (dataset == published::VOC2007).then(|| {
            Credit::published(
                "The PASCAL Visual Object Classes Challenge 2007",
                "http://host.robots.ox.ac.uk/pascal/VOC/voc2007/",
                "images from Flickr, under its terms of use",
                "M. Everingham, L. Van Gool, C. K. I. Williams, J. Winn, A. Zisserman: The PASCAL Visual \
                 Object Classes Challenge 2007 (VOC2007) Results. BibTeX key pascal-voc-2007",
            )
        })
    }

    fn recognise(folder: &Path) -> Option<String> {
        let Ok(devkit) = devkit_in(folder) else {
            return Some("several devkits of PASCAL VOC".to_owned()); // the error of opening it names them
        };
        let files = match &devkit {
            Some(devkit) => Files::below(&devkit.join("Annotations")).ok()?,
            None => Files::below(folder).ok()?,
        };
        let mut looked_at = files.with_extension("xml").take(LOOKED_AT);
        if !looked_at.any(is_annotation) {
            return None;
        }
        let count = files.with_extension("xml").count();
        Some(match devkit {
            Some(_) => format!("PASCAL VOC's devkit, {count} XML files"),
            None => format!("PASCAL VOC's annotations, {count} XML files"),
        })
    }

    fn reading(folder: Folder) -> Option<Self> {
        Some(Self {
            folder,
            is_own: true,
        })
    }
}

/// Whether an XML file's first element is `<annotation>`. The rest need not be well-formed: reading the file reports
/// what is wrong.
fn is_annotation(path: &Path) -> bool {
    let text = fs_err::read(path)
        .ok()
        .and_then(|bytes| text::decode(path, bytes).ok());
    text.is_some_and(|text| text::first_element(&text) == Some("annotation"))
}

/// An annotation after parsing.
struct Parsed {
    /// The annotation, or the problem because of which its image is left out.
    annotation: Result<Annotation, Problem>,
    /// The hash of the files read for this image so far: its XML, later its segmentation images.
    inputs: Fingerprint,
}

/// An image's record, and the problems with it.
struct Recorded {
    /// `None` where the image is left out.
    image: Option<SourceImage>,
    problems: Vec<Problem>,
    remarks: Vec<Problem>,
    /// How many boxes reach beyond the image.
    beyond: usize,
}

/// The number of annotations that are made into records at a time, so that few are in memory in both forms. Chosen.
const BATCH: usize = 512;

/// Reads the devkit at `root` or below it (a devkit is a folder with `ImageSets/Main`, such as `VOC2007` or
/// `VOCdevkit/VOC2007`); without one, all annotations below `root`. Splits come from `train.txt`, `val.txt` and
/// `test.txt` of the devkit, or from the folders' names. Classes come from `classes.txt` (one name per line) or another
/// list file; without one they are VOC's, if all objects have these, or else those in the annotations. `naming`
/// decides the data set's name.
///
/// # Errors
/// When `root` has several devkits, none of them VOC 2007's, or no annotation (no XML file, or only some of
/// another kind); when a folder or list cannot be read, the lists name no image, a list of classes has one
/// twice, or there is no class; when the name asked for is refused. Images with a missing or broken
/// annotation, and objects that cannot be read, are left out and listed in [`Source::problems`].
pub fn read(root: &Path, naming: &Naming) -> Result<Source> {
    read_as(root, naming, false)
}

/// As [`read`]; `is_own` as in [`Voc`].
fn read_as(root: &Path, naming: &Naming, is_own: bool) -> Result<Source> {
    let mut layout = Layout::find(root)?;
    let mut parsed: Vec<Parsed> = layout.entries.par_iter().map(parse).collect();
    let mut notes = Vec::new();
    if !layout.is_devkit {
        notes.extend(leave_foreign(root, &mut layout, &mut parsed)?);
    }
    let names = parsed.iter().map(Parsed::file_name);
    let pictures = Pictures::find(&layout, &names.collect::<Vec<_>>());
    notes.extend(pictures.notes);
    let has_splits = if layout.is_devkit {
        layout.entries.iter().any(|entry| entry.split.is_some())
    } else {
        let (has_splits, note) = split_by_folders(&mut layout, &pictures.files);
        notes.extend(note);
        has_splits
    };
    layout.files = Files::default(); // all images are found
    notes.extend(decisions(&parsed));

    let has_vocs_names = || {
        let mut entries = layout.entries.iter();
        entries.all(|entry| published::is_image_id(&entry.image_id))
    };
    let perhaps_voc = layout.is_devkit && (!is_own || has_vocs_names());
    let found = class_names(&parsed);
    let classes = Classes::decide(&layout.folder, &found, perhaps_voc)?;
    let mut source = Source {
        groups: std::mem::take(&mut layout.groups),
        problems: std::mem::take(&mut layout.problems),
        has_splits,
        ..Source::new(classes.names.clone())
    };
    let entries = &layout.entries;
    fingerprint(&mut source.annotations, entries, &classes);
    let lists: Vec<(Split, &str)> = entries
        .iter()
        .map(|entry| (split(entry), entry.image_id.as_str()))
        .collect();
    let published = published::voc2007(&source.classes, &lists);
    let is_published = published.differs.is_none();
    // Of VOC 2007 these notes would say nothing new: docs/SPEC.md C.1 says how it is read.
    if !is_published {
        source.notes = notes;
        source.notes.extend(classes.notes());
    }
    naming.give(&mut source, &layout.folder, Some(published))?;

    let mut found = entries.iter().zip(parsed).zip(pictures.files);
    let mut beyond = 0;
    loop {
        let batch: Vec<_> = found.by_ref().take(BATCH).collect();
        if batch.is_empty() {
            break;
        }
        let recorded: Vec<(&Entry, Fingerprint, Recorded)> = batch
            .into_par_iter()
            .map(|((entry, parsed), picture)| {
                let mut inputs = parsed.inputs;
                let recorded = record(
                    &layout,
                    entry,
                    parsed.annotation,
                    picture,
                    &classes,
                    &mut inputs,
                );
                (entry, inputs, recorded)
            })
            .collect();
        for (entry, inputs, recorded) in recorded {
            let inputs = inputs.hex();
            source.annotations.add(&entry.image_id, inputs.as_bytes());
            source.images.extend(recorded.image);
            source.problems.extend(recorded.problems);
            source.remarks.extend(recorded.remarks);
            beyond += recorded.beyond;
        }
    }
    if beyond > 0 {
        let (one, many) = (
            "box reaches beyond its image: kept as it is written",
            "boxes reach beyond their image: kept as they are written",
        );
        source.notes.push(words::counted(beyond, one, many));
    }
    source.images.sort_by_key(|image| image.split); // stable
    Ok(source)
}

/// Reads an entry's annotation file.
fn parse(entry: &Entry) -> Parsed {
    let path = &entry.xml;
    let mut inputs = Fingerprint::default();
    let annotation = fs_err::read(path)
        .map_err(|error| Problem::new(path, "file", unreadable(&error), "an annotation file"))
        .and_then(|bytes| {
            inputs.add("xml", &bytes);
            read_annotation(path, bytes)
        });
    Parsed { annotation, inputs }
}

impl Parsed {
    fn file_name(&self) -> Option<&str> {
        self.annotation.as_ref().ok()?.file_name.as_deref()
    }
}

/// Leaves out XML files that are no annotations, and shortens the ids of the others. Returns the note on how many were
/// left out; `None` where none was.
///
/// # Errors
/// When none is an annotation.
fn leave_foreign(
    root: &Path,
    layout: &mut Layout,
    parsed: &mut Vec<Parsed>,
) -> Result<Option<String>> {
    let is_kept = |parsed: &Parsed| !parsed.annotation.as_ref().is_err_and(is_foreign);
    let mut kept = parsed.iter().map(is_kept);
    layout.entries.retain(|_| kept.next().unwrap_or(true));
    let before = parsed.len();
    parsed.retain(is_kept);
    if parsed.is_empty() {
        let found = format!("{before} XML files of another kind");
        return Err(Error::layout(
            root,
            "VOC devkit",
            found,
            "XML files with the root <annotation>",
        ));
    }
    shorten(&mut layout.entries);
    let foreign = before - parsed.len();
    Ok((foreign > 0).then(|| format!("{foreign} XML files are no annotations: left out")))
}

/// Where the names of an annotation's folders say no split, takes the split that the names of its image's folders say.
/// Returns whether any annotation has a split and, if so, the note on those that have none.
fn split_by_folders(
    layout: &mut Layout,
    pictures: &[Result<PathBuf, Problem>],
) -> (bool, Option<String>) {
    for (entry, picture) in layout.entries.iter_mut().zip(pictures) {
        let of_picture = || split_of(&layout.folder, picture.as_ref().ok()?);
        entry.split = entry.split.or_else(of_picture);
    }
    let without = layout
        .entries
        .iter()
        .filter(|entry| entry.split.is_none())
        .count();
    let has_splits = without < layout.entries.len();
    let images = words::images(without, "is", "are");
    let note = || format!("{images} in no folder named for a split: put into train");
    (has_splits, (has_splits && without > 0).then(note))
}

/// Returns notes on decisions made while the annotations were read.
fn decisions(parsed: &[Parsed]) -> Vec<String> {
    let sum = |count: fn(&Annotation) -> usize| -> usize {
        let annotations = parsed
            .iter()
            .filter_map(|parsed| parsed.annotation.as_ref().ok());
        annotations.map(count).sum()
    };
    let (deleted, commas) = (sum(|read| read.deleted), sum(|read| read.commas));
    let mut notes = Vec::new();
    if deleted > 0 {
        let objects = words::counted(deleted, "object is", "objects are");
        notes.push(format!("{objects} marked as deleted: left out"));
    }
    if commas > 0 {
        let (one, many) = (
            "number is written with a comma before its decimals",
            "numbers are written with a comma before their decimals",
        );
        notes.push(words::counted(commas, one, many));
    }
    notes
}

/// Returns the names of all classes in the annotations.
fn class_names(parsed: &[Parsed]) -> BTreeSet<&str> {
    let annotations = parsed
        .iter()
        .filter_map(|parsed| parsed.annotation.as_ref().ok());
    let names = annotations.flat_map(|read| {
        let of_boxes = read.objects.iter().map(|object| &object.class);
        of_boxes.chain(&read.without_box).map(String::as_str)
    });
    names.collect()
}

/// The split of an image; without one it is in train until `arrange` divides the data.
fn split(entry: &Entry) -> Split {
    entry.split.unwrap_or(Split::Train)
}

/// Adds the classes, their colours, and the images with their splits and groups to the hash of the annotations.
fn fingerprint(annotations: &mut Fingerprint, entries: &[Entry], classes: &Classes) {
    annotations.add("classes", classes.names.join("\n").as_bytes());
    if !classes.colours.is_empty() {
        let mut colours: Vec<_> = classes.colours.iter().collect();
        colours.sort_unstable();
        annotations.add("colours", format!("{colours:?}").as_bytes());
    }
    for entry in entries {
        let image = format!("{} {:?}", entry.image_id, entry.group_id);
        annotations.add(split(entry).as_ref(), image.as_bytes());
    }
}

/// Makes the record of an image. The class of an object without a usable box still counts as a label of the image.
fn record(
    layout: &Layout,
    entry: &Entry,
    annotation: Result<Annotation, Problem>,
    picture: Result<PathBuf, Problem>,
    classes: &Classes,
    inputs: &mut Fingerprint,
) -> Recorded {
    let mut recorded = Recorded {
        image: None,
        problems: Vec::new(),
        remarks: Vec::new(),
        beyond: 0,
    };
    let mut annotation = match annotation {
        Ok(annotation) => annotation,
        Err(problem) => {
            recorded.problems.push(problem);
            return recorded;
        }
    };
    recorded.problems.append(&mut annotation.problems);
    recorded.remarks.append(&mut annotation.remarks);
    let path = match picture {
        Ok(path) => path,
        Err(problem) => {
            recorded.problems.push(problem);
            return recorded;
        }
    };
    let objects = objects(entry, &annotation, &path, classes, inputs, &mut recorded);
    let without_box = annotation.without_box.iter();
    let labels: BTreeSet<i32> = without_box
        .filter_map(|name| classes.id(name).ok())
        .collect();
    recorded.image = Some(SourceImage {
        image_id: entry.image_id.clone(),
        file_name: file_name(layout, &path),
        path,
        split: split(entry),
        size: annotation.size,
        group_id: entry.group_id,
        extra_labels: labels.into_iter().collect(),
        objects,
    });
    recorded
}

/// Returns the objects of an annotation with their shapes; objects of unknown classes are left out and reported.
fn objects(
    entry: &Entry,
    annotation: &Annotation,
    picture: &Path,
    classes: &Classes,
    inputs: &mut Fingerprint,
    recorded: &mut Recorded,
) -> Vec<SourceObject> {
    let in_file = || {
        let size = imagesize::size(picture).ok()?;
        Some((size.width as u32, size.height as u32))
    };
    let size = annotation.size.or_else(in_file);
    let mut objects = Vec::with_capacity(annotation.objects.len());
    for found in &annotation.objects {
        let class_id = match classes.id(&found.class) {
            Ok(class_id) => class_id,
            Err(expected) => {
                let field = format!("object[{}]/name", found.number);
                let problem = Problem::new(&entry.xml, field, &found.class, expected);
                recorded.problems.push(problem);
                continue;
            }
        };
        let mut object = SourceObject {
            instance_id: found.number as i64,
            class_id,
            bbox: found.bbox,
            is_difficult: found.is_difficult,
            is_crowd: false,
            area: None,
            mask_kind: MaskKind::Box,
            segmentation: None,
        };
        let is_beyond = size.is_some_and(|size| {
            let is_annotated = annotation.size.is_some();
            reaches_beyond(found.bbox, size)
                && (is_annotated || reaches_beyond(found.bbox, turned(picture, size)))
        });
        recorded.beyond += usize::from(is_beyond);
        if let Some(size) = size.filter(|_| !found.polygons.is_empty()) {
            match shape::filled(&entry.xml, found.number, &found.polygons, size) {
                Ok(shape) => {
                    object.segmentation = Some(shape);
                    object.mask_kind = MaskKind::Polygon;
                }
                Err(remark) => recorded.remarks.push(remark),
            }
        }
        objects.push(object);
    }
    if let Some(size) = size {
        let (folder, name) = &entry.shapes;
        let elements = annotation.elements;
        let shapes = segmentation::add(folder, name, size, elements, &mut objects, classes, inputs);
        recorded.remarks.extend(shapes.err());
    }
    objects
}

/// Whether a box reaches more than a pixel beyond an image of (width, height); a pixel is allowed for rounding and for
/// counting from 1.
fn reaches_beyond([left, top, right, bottom]: [f64; 4], (width, height): (u32, u32)) -> bool {
    let [width, height] = [f64::from(width), f64::from(height)];
    left < -1.0 || top < -1.0 || right > width + 1.0 || bottom > height + 1.0
}

/// The width and height of an image after the rotation that its EXIF orientation asks for.
fn turned(picture: &Path, size: (u32, u32)) -> (u32, u32) {
    let bytes = fs_err::read(picture);
    bytes.map_or(size, |bytes| Orientation::of(&bytes).size(size))
}

/// The image's path relative to `JPEGImages` of a devkit, else to the folder read.
fn file_name(layout: &Layout, path: &Path) -> String {
    let folder = match layout.is_devkit {
        true => layout.folder.join("JPEGImages"),
        false => layout.folder.clone(),
    };
    match path.strip_prefix(folder) {
        Ok(relative) => slashed(relative),
        Err(_) => path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned(),
    }
}
