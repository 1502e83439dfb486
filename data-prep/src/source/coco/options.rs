//! The command line of COCO's format: a folder, or the annotation files by name.

use std::path::{Path, PathBuf};
use std::str::FromStr;

use super::layout::{self, Part};
use super::{own, published, reader};
use crate::error::{Error, Result};
use crate::source::credit::Credit;
use crate::source::entry::{Folder, Format};
use crate::source::naming::Naming;
use crate::source::record::Source;
use crate::source::split::Split;

/// The options of the command `coco`.
#[derive(Debug, clap::Args)]
pub struct Coco {
    /// The source folder.
    #[arg(long, required_unless_present_any = ["train", "val", "test"])]
    root: Option<PathBuf>,
    /// What the data set is called [default: the published name where the folder is that data set, else
    /// the folder's name; data whose files are named (--train, --val, --test) is always own data].
    #[arg(long)]
    name: Option<String>,
    #[command(flatten)]
    files: AnnotationFiles,
}

/// The annotation files of each split, where the user names them.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct AnnotationFiles {
    /// COCO JSON of training images, and their folder (without it, the folder is looked for); may be
    /// given more than once.
    #[arg(long, value_name = "FILE[=IMAGES]")]
    train: Vec<AnnotationFile>,
    /// The same of validation images.
    #[arg(long, value_name = "FILE[=IMAGES]")]
    val: Vec<AnnotationFile>,
    /// The same of test images.
    #[arg(long, value_name = "FILE[=IMAGES]")]
    test: Vec<AnnotationFile>,
}

/// An annotation file and the folder of its images, `FILE=IMAGES`; `images` is `None` where the folder is to be found.
#[derive(Debug, Clone)]
struct AnnotationFile {
    annotations: PathBuf,
    images: Option<PathBuf>,
}

impl FromStr for AnnotationFile {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (annotations, images) = match text.rsplit_once('=') {
            Some((annotations, images)) => (annotations, Some(images)),
            None => (text, None),
        };
        if annotations.is_empty() || images == Some("") {
            return Err(format!("found {text:?}, expected FILE or FILE=IMAGES"));
        }
        Ok(Self {
            annotations: annotations.into(),
            images: images.map(PathBuf::from),
        })
    }
}

impl AnnotationFiles {
    /// Whether the user named no file.
    pub fn is_empty(&self) -> bool {
        self.train.is_empty() && self.val.is_empty() && self.test.is_empty()
    }

    /// Returns the files with their splits. A path is looked for relative to the current folder, then relative to
    /// `root`.
    ///
    /// # Errors
    /// When a file or a folder is not there.
    fn parts(&self, root: Option<&Path>) -> Result<Vec<Part>> {
        let mut parts = Vec::new();
        let lists = [&self.train, &self.val, &self.test];
        for (files, split) in lists.into_iter().zip(Split::ALL) {
            let there = |path: &Path, is_there: fn(&Path) -> bool, expected| {
                let bases = std::iter::once(Path::new(".")).chain(root);
                let mut paths = bases.map(|base| base.join(path));
                paths.find(|path| is_there(path)).ok_or_else(|| {
                    Error::layout(path, format!("--{split}"), "nothing there", expected)
                })
            };
            for file in files {
                let images = file.images.as_deref();
                let images = images.map(|path| there(path, Path::is_dir, "a folder of images"));
                parts.push(Part {
                    annotations: there(&file.annotations, Path::is_file, "a COCO JSON file")?,
                    images: images.transpose()?,
                    split: Some(split),
                });
            }
        }
        Ok(parts)
    }
}

impl Coco {
    /// Returns the options that read `files`, or the folder `root` where `files` has none.
    pub(crate) fn new(root: Option<PathBuf>, name: Option<String>, files: AnnotationFiles) -> Self {
        Self { root, name, files }
    }
}

impl Format for Coco {
    const NAME: &str = "coco";
    const TITLE: &str =
        "COCO JSON: MS COCO, or an export of Roboflow, CVAT, FiftyOne, Label Studio and others";
    const DATASETS: &[&str] = &[published::COCO2014];

    fn open(&self, _: &Path, naming: Naming) -> anyhow::Result<Source> {
        let naming = naming.asked(self.name.as_deref());
        let root = self.root.as_deref();
        let parts = self.files.parts(root)?;
        let root = match (root, parts.first()) {
            (Some(root), _) => root,
            (None, Some(part)) => layout::data_folder(&part.annotations),
            (None, None) => anyhow::bail!("--root: found nothing, expected a folder"),
        };
        if parts.is_empty() {
            return Ok(reader::read(root, &naming)?);
        }
        // Files named by the user are read as own data, even MS COCO's files, because the user decides the splits.
        let mut source = own::read(root, &parts, &naming)?;
        let images = parts.iter().filter_map(|part| part.images.as_deref());
        let files = parts
            .iter()
            .map(|part| layout::data_folder(&part.annotations));
        source.beside = images.chain(files).map(Path::to_owned).collect();
        Ok(source)
    }

    fn credit(dataset: &str) -> Option<Credit> {
        (dataset == published::COCO2014).then(|| {
            Credit::published(
                "MS COCO 2014",
                "https://cocodataset.org",
                "annotations CC BY 4.0; each image under the licence of its owner on Flickr",
                "T.-Y. Lin, M. Maire, S. Belongie, J. Hays, P. Perona, D. Ramanan, P. Dollár, C. L. Zitnick: \
                 Microsoft COCO: Common Objects in Context. ECCV 2014. BibTeX key lin2014microsoft",
            )
        })
    }

    fn recognise(folder: &Path) -> Option<String> {
        let parts = layout::find(folder).ok()?.parts;
        let [first, others @ ..] = parts.as_slice() else {
            return None;
        };
        let first = first.annotations.strip_prefix(folder).ok()?.display();
        Some(match others.len() {
            0 => format!("COCO JSON, {first}"),
            1 => format!("COCO JSON, {first} and one other file"),
            n => format!("COCO JSON, {first} and {n} other files"),
        })
    }

    fn reading(folder: Folder) -> Option<Self> {
        let files = AnnotationFiles::default();
        Some(Self::new(Some(folder.root), folder.name, files))
    }
}
