//! Defines the records that every format's reader returns and `convert` takes: images with their annotated
//! objects, in memory, without pixels.
//!
//! A reader (`voc`, `coco`, `yolo`, …) parses annotations and finds image files. It reads an image file's size and
//! EXIF orientation only where the annotations leave them open. VOC's segmentation images and the masks that
//! tables name count as annotations and are read whole. `convert` decodes, resizes and writes the images.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Component, Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::error::Problem;
use crate::mask::rle::CompressedRle;
use crate::source::credit::Credit;
use crate::source::split::Split;

/// A whole data set as its annotations describe it.
#[derive(Debug)]
pub struct Source {
    /// The data set's name (`naming`). Only a published data set has a published name.
    pub name: String,
    /// Class names; the index is the class id.
    pub classes: Vec<String>,
    /// Ids and names of the groups, subsets of images with results of their own; empty where there are none.
    pub groups: Vec<(i32, String)>,
    /// The images in the order of the tables: by split (train, val, test), then as the source lists
    /// them (COCO: by id).
    pub images: Vec<SourceImage>,
    /// Whether the data says which image is in which split; if not, all are in train until `arrange` divides
    /// them.
    pub has_splits: bool,
    /// Whether the data gives boxes and shapes as fractions of the image's size. In these records they are
    /// always in pixels of the image as stored, before any EXIF rotation.
    pub is_relative: bool,
    /// Items the reader had to leave out: objects, and images whose annotations cannot be read.
    pub problems: Vec<Problem>,
    /// Faults that cost neither an image nor an object, such as a broken outline of an object that has a box.
    pub remarks: Vec<Problem>,
    /// Columns of the user's own tables that a reader does not know: for each name its cells by image id. They
    /// serve `--split-by`.
    pub columns: BTreeMap<String, HashMap<String, String>>,
    /// Its title, address, licence and citation. They are not part of any hash.
    pub credit: Credit,
    /// Where files such as CITATION.cff may lie, besides the folder that the user names: where the files and images
    /// lie that the user names one by one.
    pub beside: Vec<PathBuf>,
    /// Notes for the user on how the source was read, one line each.
    pub notes: Vec<String>,
    /// Hash of the annotation files read, and of how the images were divided into splits.
    pub annotations: Fingerprint,
}

impl Source {
    /// Returns an empty data set with these classes, marked as having splits of its own.
    pub fn new(classes: Vec<String>) -> Self {
        Self {
            name: String::new(),
            classes,
            groups: Vec::new(),
            images: Vec::new(),
            has_splits: true,
            is_relative: false,
            problems: Vec::new(),
            remarks: Vec::new(),
            columns: BTreeMap::new(),
            credit: Credit::default(),
            beside: Vec::new(),
            notes: Vec::new(),
            annotations: Fingerprint::default(),
        }
    }
}

/// One image and its annotations.
#[derive(Debug, Clone, PartialEq)]
pub struct SourceImage {
    /// Unique in the data set.
    pub image_id: String,
    /// Name as the source gives it, relative to its image folder.
    pub file_name: String,
    /// Where the file is.
    pub path: PathBuf,
    /// The split it belongs to.
    pub split: Split,
    /// Width and height in pixels as annotated; the decoded image must agree. `None` where the annotations do
    /// not say.
    pub size: Option<(u32, u32)>,
    /// The group, where the data set has groups.
    pub group_id: Option<i32>,
    /// Classes on the image besides those of `objects`: from tables of labels, and from objects that had to be
    /// left out. A class may be in both.
    pub extra_labels: Vec<i32>,
    /// The annotated objects.
    pub objects: Vec<SourceObject>,
}

impl SourceImage {
    /// All classes on the image, ascending, each once.
    pub fn labels(&self) -> BTreeSet<i32> {
        self.objects
            .iter()
            .map(|object| object.class_id)
            .chain(self.extra_labels.iter().copied())
            .collect()
    }
}

/// One annotated object.
#[derive(Debug, Clone, PartialEq)]
pub struct SourceObject {
    /// Unique within the image; the source's own id where it has one.
    pub instance_id: i64,
    /// Index into [`Source::classes`].
    pub class_id: i32,
    /// xmin, ymin, xmax, ymax in source pixels, as annotated.
    pub bbox: [f64; 4],
    /// VOC's `difficult` flag.
    pub is_difficult: bool,
    /// COCO's `iscrowd` flag.
    pub is_crowd: bool,
    /// COCO's area in source pixels; `None` in other formats.
    pub area: Option<f64>,
    /// How the source describes the object's shape.
    pub mask_kind: MaskKind,
    /// The shape in source pixels, where the source has one. It is kept compressed, because the shapes
    /// of the whole data set are in memory at once.
    pub segmentation: Option<CompressedRle>,
}

/// The source's description of an object's shape, as `masks.parquet` spells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, strum::AsRefStr)]
#[strum(serialize_all = "lowercase")]
pub enum MaskKind {
    /// A bounding box only.
    Box,
    /// Polygons, of COCO, YOLO or VOC's XML.
    Polygon,
    /// COCO run lengths, compressed or not.
    Rle,
    /// An image: VOC's segmentation, or the mask file of a table.
    Png,
}

/// Whether a path from an annotation stays inside its folder: it is not empty, not absolute, and has no `..`.
pub(crate) fn is_inside(name: &str) -> bool {
    let mut parts = Path::new(name).components();
    !name.is_empty() && parts.all(|part| matches!(part, Component::Normal(_)))
}

/// SHA-256 over named pieces of input, in the order given.
#[derive(Debug, Clone, Default)]
pub struct Fingerprint(Sha256);

impl Fingerprint {
    /// Adds one piece. Name and length go in too, so pieces cannot run into each other.
    pub fn add(&mut self, name: &str, bytes: &[u8]) {
        self.0.update((name.len() as u64).to_le_bytes());
        self.0.update(name.as_bytes());
        self.0.update((bytes.len() as u64).to_le_bytes());
        self.0.update(bytes);
    }

    /// The hash so far, in hexadecimal.
    pub fn hex(&self) -> String {
        hex(&self.0.clone().finalize())
    }
}

/// Lower-case hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
