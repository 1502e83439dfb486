//! Reads PASCAL VOC's devkit folder into records (docs/SPEC.md C.1): `ImageSets/Main`, `Annotations`,
//! `JPEGImages` and, where present, `SegmentationObject` and `SegmentationClass`.
//!
//! Every object counts, difficult ones too; their flag is kept. Boxes stay as the XML has them
//! (1-based, not shifted). The embedded scenes are read by the same code: their devkit also has
//! `classes.txt` and `test_shifted.txt`. `segmentation` reads segmentation images; `convert` opens the
//! image files.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use rayon::prelude::*;
use roxmltree::{Document, Node};

use super::published::{self, CLASSES};
use super::segmentation;
use crate::error::{Error, Problem, Result, unreadable};
use crate::source::entry::{Folder, Format};
use crate::source::naming::Naming;
use crate::source::record::{Fingerprint, MaskKind, Source, SourceImage, SourceObject, is_inside};
use crate::source::split::Split;

/// The groups of a test set with a shifted part (`ImageSets/Main/test_shifted.txt`).
const SHIFT_GROUPS: [&str; 2] = ["in-distribution", "shifted"];

/// The options of the command `voc`.
#[derive(Debug, clap::Args)]
pub struct Voc {
    #[command(flatten)]
    folder: Folder,
}

impl Format for Voc {
    const NAME: &str = "voc";
    const TITLE: &str = "PASCAL VOC in the devkit's layout";
    const DATASETS: &[&str] = &[published::VOC2007];

    fn open(&self, _: &Path, naming: Naming) -> anyhow::Result<Source> {
        Ok(read(&self.folder.root, &self.folder.named(naming))?)
    }
}

/// One line of an image set (VOC's lists, such as `train.txt`).
struct Entry {
    image_id: String,
    split: Split,
    group_id: Option<i32>,
}

/// An image with the hash of its annotation files, or the problem because of which it is left out.
struct Parsed {
    name: String,
    hash: String,
    image: Result<SourceImage, Problem>,
}

/// Reads the devkit at `root`, a folder with `ImageSets/Main`, or one that holds such a folder as `VOC2007`
/// or `VOCdevkit/VOC2007`. The splits are those of `train.txt`, `val.txt` and `test.txt` that are there. A
/// `classes.txt` in the folder (one name per line) replaces VOC's classes. `naming` decides the data set's
/// name.
///
/// # Errors
/// When there is no such folder or no image in the three lists, `classes.txt` has a class twice, a list is
/// not UTF-8, or the name asked for is refused. Images with a missing or broken annotation are left out
/// and listed in [`Source::problems`].
pub fn read(root: &Path, naming: &Naming) -> Result<Source> {
    let devkit = find_devkit(root)?;
    let sets = devkit.join("ImageSets").join("Main");
    let mut annotations = Fingerprint::default();

    let classes = read_classes(&devkit)?;
    annotations.add("classes", classes.join("\n").as_bytes());
    let shifted: Option<HashSet<String>> =
        read_lines(&sets.join("test_shifted.txt"))?.map(|lines| {
            lines
                .iter()
                .map(|(_, line)| image_id(&devkit, line))
                .collect()
        });
    let groups = match shifted {
        Some(_) => (0..).zip(SHIFT_GROUPS.map(str::to_owned)).collect(),
        None => Vec::new(),
    };

    let mut entries = Vec::new();
    let mut problems = Vec::new();
    for split in Split::ALL {
        let path = sets.join(format!("{split}.txt"));
        for (number, line) in read_lines(&path)?.unwrap_or_default() {
            let image_id = image_id(&devkit, &line);
            if !is_inside(&image_id) {
                let expected = "the name of an image in the devkit";
                let field = format!("line {number}");
                problems.push(Problem::new(&path, field, image_id, expected));
                continue;
            }
            let group_id = shifted
                .as_ref()
                .map(|shifted| i32::from(split == Split::Test && shifted.contains(&image_id)));
            annotations.add(
                split.as_ref(),
                format!("{image_id} {group_id:?}").as_bytes(),
            );
            entries.push(Entry {
                image_id,
                split,
                group_id,
            });
        }
    }
    if entries.is_empty() {
        return Err(Error::layout(
            sets,
            "image sets",
            "no image in train.txt, val.txt or test.txt",
            "at least one of the three",
        ));
    }

    let lists: Vec<(Split, &str)> = entries
        .iter()
        .map(|entry| (entry.split, entry.image_id.as_str()))
        .collect();
    let mut source = Source {
        groups,
        images: Vec::with_capacity(entries.len()),
        problems,
        annotations,
        ..Source::new(classes)
    };
    let published = published::voc2007(&source.classes, &lists);
    naming.give(&mut source, &devkit, Some(published))?;

    let parsed: Vec<Parsed> = entries
        .into_par_iter()
        .map(|entry| parse(&devkit, entry, &source.classes))
        .collect();
    for Parsed { name, hash, image } in parsed {
        source.annotations.add(&name, hash.as_bytes());
        match image {
            Ok(image) => source.images.push(image),
            Err(problem) => source.problems.push(problem),
        }
    }
    Ok(source)
}

fn find_devkit(root: &Path) -> Result<PathBuf> {
    let candidates = [
        root.to_owned(),
        root.join("VOC2007"),
        root.join("VOCdevkit").join("VOC2007"),
    ];
    candidates
        .into_iter()
        .find(|folder| folder.join("ImageSets").join("Main").is_dir())
        .ok_or_else(|| {
            Error::layout(
                root,
                "VOC devkit",
                if root.is_dir() {
                    "no ImageSets/Main"
                } else {
                    "no such folder"
                },
                "VOCdevkit, VOCdevkit/VOC2007 or a folder that holds ImageSets/Main",
            )
        })
}

/// The folder's own classes, or VOC's.
fn read_classes(devkit: &Path) -> Result<Vec<String>> {
    let path = devkit.join("classes.txt");
    let Some(lines) = read_lines(&path)? else {
        return Ok(CLASSES.map(str::to_owned).to_vec());
    };
    let mut names: Vec<String> = Vec::with_capacity(lines.len());
    for (number, name) in lines {
        if names.contains(&name) {
            let (field, found) = (format!("line {number}"), format!("{name} again"));
            return Err(Problem::new(path, field, found, "each class once").into());
        }
        names.push(name);
    }
    Ok(names)
}

/// Returns the image that a line of an image set names. VOC's lists of one class have a flag (1, 0 or -1)
/// after the name. Names may have spaces, so the flag is dropped only if no annotation has the whole line
/// as its name.
fn image_id(devkit: &Path, line: &str) -> String {
    let annotation = devkit.join("Annotations").join(format!("{line}.xml"));
    match line.rsplit_once(char::is_whitespace) {
        Some((name, "1" | "0" | "-1")) if !annotation.is_file() => name.trim_end().to_owned(),
        _ => line.to_owned(),
    }
}

/// The lines that have text, with their numbers from 1; `None` when there is no such file.
fn read_lines(path: &Path) -> Result<Option<Vec<(usize, String)>>> {
    let text = match fs_err::read(path) {
        Ok(bytes) => utf8(path, bytes)?,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let lines = (1..).zip(text.lines().map(str::trim));
    let lines = lines.filter(|(_, line)| !line.is_empty());
    Ok(Some(
        lines
            .map(|(number, line)| (number, line.to_owned()))
            .collect(),
    ))
}

/// Decodes UTF-8 and drops a byte order mark.
fn utf8(path: &Path, bytes: Vec<u8>) -> Result<String, Problem> {
    let text = String::from_utf8(bytes)
        .map_err(|error| Problem::new(path, "text", error.to_string(), "UTF-8"))?;
    Ok(match text.strip_prefix('\u{feff}') {
        Some(rest) => rest.to_owned(),
        None => text,
    })
}

fn parse(devkit: &Path, entry: Entry, classes: &[String]) -> Parsed {
    let path = devkit
        .join("Annotations")
        .join(format!("{}.xml", entry.image_id));
    let name = entry.image_id.clone();
    let mut inputs = Fingerprint::default();
    let image = (|| {
        let bytes = fs_err::read(&path).map_err(|error| {
            Problem::new(&path, "file", unreadable(&error), "an annotation file")
        })?;
        inputs.add("xml", &bytes);
        let (size, mut objects) = read_annotation(&path, bytes, classes)?;
        segmentation::add(devkit, &entry.image_id, size, &mut objects, &mut inputs)?;
        let image_path = image_path(devkit, &entry.image_id);
        Ok(SourceImage {
            file_name: file_name(&image_path),
            path: image_path,
            image_id: entry.image_id,
            split: entry.split,
            size: Some(size),
            group_id: entry.group_id,
            extra_labels: Vec::new(),
            objects,
        })
    })();
    Parsed {
        name,
        hash: inputs.hex(),
        image,
    }
}

/// Reads one annotation: the image's size (width, height) in pixels and its objects. `path` is only named
/// in errors. A document type is refused: with it XML would have entities, which grow without bound.
///
/// # Errors
/// When it is not XML, an element is missing or occurs twice, or a value or class is invalid.
pub fn read_annotation(
    path: &Path,
    bytes: Vec<u8>,
    classes: &[String],
) -> Result<((u32, u32), Vec<SourceObject>), Problem> {
    let text = utf8(path, bytes)?;
    let document = Document::parse(&text)
        .map_err(|error| Problem::new(path, "XML", error.to_string(), "well-formed XML"))?;
    Annotation { path, classes }.read(&document)
}

/// Returns the path of the image file, `.jpg` or another extension; where there is none that of the
/// `.jpg`, which the error then names.
fn image_path(devkit: &Path, image_id: &str) -> PathBuf {
    let folder = devkit.join("JPEGImages");
    let usual = folder.join(format!("{image_id}.jpg"));
    if usual.is_file() {
        return usual;
    }
    ["jpeg", "JPG", "JPEG", "png"]
        .map(|extension| folder.join(format!("{image_id}.{extension}")))
        .into_iter()
        .find(|path| path.is_file())
        .unwrap_or(usual)
}

fn file_name(path: &Path) -> String {
    path.file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned()
}

/// Reads one XML file; every error names it.
struct Annotation<'a> {
    path: &'a Path,
    classes: &'a [String],
}

impl Annotation<'_> {
    fn read(&self, document: &Document) -> Result<((u32, u32), Vec<SourceObject>), Problem> {
        let root = document.root_element();
        if root.tag_name().name() != "annotation" {
            let found = format!("<{}>", root.tag_name().name());
            return Err(self.problem("root element", found, "<annotation>"));
        }
        // `filename` and `depth` are not used; two of them would mean a broken file.
        self.at_most_one(root, "filename", "filename")?;
        let size = self.element(root, "size", "size")?;
        self.at_most_one(size, "depth", "size/depth")?;
        let size = (
            self.pixels(size, "width", "size/width")?,
            self.pixels(size, "height", "size/height")?,
        );
        let objects = children(root, "object")
            .enumerate()
            .map(|(index, object)| self.object(index, object))
            .collect::<Result<_, _>>()?;
        Ok((size, objects))
    }

    /// Reads an object. In errors the first one is `object[1]`, as in XPath. VOC's elements `part` inside
    /// it (a head, a hand) are not read.
    fn object(&self, index: usize, object: Node) -> Result<SourceObject, Problem> {
        let field = |name: &str| format!("object[{}]/{name}", index + 1);
        let name = self.text(object, "name", &field("name"))?;
        let Some(class_id) = self.classes.iter().position(|class| *class == name) else {
            let expected = format!("one of {}", self.classes.join(", "));
            return Err(self.problem(field("name"), name, expected));
        };
        let difficult = field("difficult");
        let is_difficult = match self.at_most_one(object, "difficult", &difficult)? {
            None => false,
            Some(element) => match &*self.text_of(element, &difficult)? {
                "" | "0" => false,
                "1" => true,
                other => return Err(self.problem(difficult, other, "0 or 1")),
            },
        };
        let bndbox = self.element(object, "bndbox", &field("bndbox"))?;
        let mut bbox = [0.0; 4];
        for (value, name) in bbox.iter_mut().zip(["xmin", "ymin", "xmax", "ymax"]) {
            let field = field(&format!("bndbox/{name}"));
            let found = self.text(bndbox, name, &field)?;
            *value = found
                .parse()
                .ok()
                .filter(|value: &f64| value.is_finite())
                .ok_or_else(|| self.problem(field, found, "a number"))?;
        }
        if bbox[2] < bbox[0] || bbox[3] < bbox[1] {
            let [xmin, ymin, xmax, ymax] = bbox;
            let found = format!("xmin {xmin}, ymin {ymin}, xmax {xmax}, ymax {ymax}");
            return Err(self.problem(field("bndbox"), found, "xmin <= xmax and ymin <= ymax"));
        }
        Ok(SourceObject {
            instance_id: index as i64 + 1,
            class_id: class_id as i32,
            bbox,
            is_difficult,
            is_crowd: false,
            area: None,
            mask_kind: MaskKind::Box,
            segmentation: None,
        })
    }

    fn element<'n, 'i>(
        &self,
        parent: Node<'n, 'i>,
        name: &str,
        field: &str,
    ) -> Result<Node<'n, 'i>, Problem> {
        self.at_most_one(parent, name, field)?
            .ok_or_else(|| self.problem(field, "no such element", format!("<{name}>")))
    }

    /// Returns the child `name`, if there is one. Two of them are a problem, because nobody can tell which
    /// one is meant.
    fn at_most_one<'n, 'i>(
        &self,
        parent: Node<'n, 'i>,
        name: &str,
        field: &str,
    ) -> Result<Option<Node<'n, 'i>>, Problem> {
        let mut found = children(parent, name);
        let first = found.next();
        match found.count() {
            0 => Ok(first),
            more => {
                let found = format!("{} elements <{name}>", more + 1);
                Err(self.problem(field, found, "one"))
            }
        }
    }

    /// Returns the text of the child `name`, which must occur once.
    fn text(&self, parent: Node, name: &str, field: &str) -> Result<String, Problem> {
        self.text_of(self.element(parent, name, field)?, field)
    }

    /// Returns an element's text. It may contain comments, but no elements.
    fn text_of(&self, element: Node, field: &str) -> Result<String, Problem> {
        let mut text = String::new();
        for child in element.children() {
            if child.is_element() {
                let found = format!("<{}> in it", child.tag_name().name());
                return Err(self.problem(field, found, "text"));
            }
            if child.is_text() {
                text += child.text().unwrap_or_default();
            }
        }
        Ok(text.trim().to_owned())
    }

    fn pixels(&self, parent: Node, name: &str, field: &str) -> Result<u32, Problem> {
        let found = self.text(parent, name, field)?;
        found
            .parse()
            .ok()
            .filter(|&pixels: &u32| pixels > 0)
            .ok_or_else(|| self.problem(field, found, "a positive number of pixels"))
    }

    fn problem(
        &self,
        field: impl Into<String>,
        found: impl Into<String>,
        expected: impl Into<String>,
    ) -> Problem {
        Problem::new(self.path, field, found, expected)
    }
}

fn children<'n, 'i>(parent: Node<'n, 'i>, name: &str) -> impl Iterator<Item = Node<'n, 'i>> {
    parent
        .children()
        .filter(move |child| child.has_tag_name(name))
}
