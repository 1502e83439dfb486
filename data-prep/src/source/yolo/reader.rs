//! `data-prep yolo`: reads a YOLO export (images with text files of labels) into records. Boxes and polygons are
//! fractions of the image's size in the label files, so the image's header is read for its size in pixels.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use rayon::prelude::*;

use super::config::Config;
use super::images::{Images, LabelFiles, label_places};
use super::labels::{self, Labels};
use crate::error::{Error, Problem, Result, unreadable};
use crate::source::entry::{Folder, Format};
use crate::source::files::Files;
use crate::source::finding::{names_and_ids, size_of};
use crate::source::naming::Naming;
use crate::source::record::{Source, SourceImage};
use crate::words;

/// The options of the command `yolo`.
#[derive(Debug, clap::Args)]
pub struct Yolo {
    #[command(flatten)]
    folder: Folder,
}

impl Format for Yolo {
    const NAME: &str = "yolo";
    const TITLE: &str =
        "YOLO: data.yaml, or the names of darknet, CVAT and LabelImg; a .txt for each image";
    const DATASETS: &[&str] = &[];

    fn open(&self, _: &Path, naming: Naming) -> anyhow::Result<Source> {
        Ok(read(&self.folder.root, &self.folder.named(naming))?)
    }

    fn recognise(folder: &Path) -> Option<String> {
        let yaml = folder.join("data.yaml");
        if yaml.is_file() {
            return Some(format!("YOLO, {}", yaml.display())); // if it is broken, reading says so
        }
        let Some(config) = Config::find(folder).ok()? else {
            // There are no class names; reading will report that they are missing.
            let is_yolo = is_only_labels(folder);
            return is_yolo.then(|| format!("YOLO, label files in {}", folder.display()));
        };
        let is_yaml = config.inputs.iter().any(|(name, _)| name == "data.yaml");
        let is_yolo = is_yaml
            || (!folder.join("ImageSets").is_dir()
                && Files::below(folder)
                    .is_ok_and(|files| has_labels(&files, |path| path != config.path)));
        is_yolo.then(|| format!("YOLO, {}", config.path.display()))
    }

    fn reading(folder: Folder) -> Option<Self> {
        Some(Self { folder })
    }
}

/// Whether a folder without class names has label files of its images, and no files of other formats of annotations.
fn is_only_labels(folder: &Path) -> bool {
    const OTHERS: [&str; 5] = ["xml", "json", "csv", "parquet", "npy"];
    let Ok(files) = Files::below(folder) else {
        return false;
    };
    let is_other = |extension: &&str| files.with_extension(extension).next().is_some();
    let labels: HashSet<PathBuf> = files.images().flat_map(label_places).collect();
    !OTHERS.iter().any(is_other) && has_labels(&files, |path| labels.contains(path))
}

/// Whether one of the first 100 text files that are `wanted` begins with a line like those of label files: a whole
/// number and four numbers or more.
fn has_labels(files: &Files, wanted: impl Fn(&Path) -> bool) -> bool {
    const MOST: usize = 100;
    let is_label = |line: &str| {
        let mut words = line.split_whitespace();
        let class = words.next().and_then(|word| word.parse::<i64>().ok());
        class.is_some()
            && words.clone().count() >= 4
            && words.all(|word| word.parse::<f64>().is_ok())
    };
    let texts = files
        .with_extension("txt")
        .filter(|path| wanted(path))
        .take(MOST);
    let mut texts = texts.filter_map(|path| fs_err::read_to_string(path).ok());
    texts.any(|text| {
        text.lines()
            .find(|line| !line.trim().is_empty())
            .is_some_and(is_label)
    })
}

/// What was read for an image.
struct Read {
    /// The text of its label file, for the hash; empty where there is none.
    text: String,
    /// Its labels, or the problem because of which the image is left out.
    labels: Result<Labels, Problem>,
}

/// Numbers over all images, for the notes.
#[derive(Default)]
struct Counts {
    /// Boxes cut at the image's edge.
    clipped: usize,
    /// Lines of label files that repeat another one.
    repeated: usize,
    /// Images with an object of unknown class.
    unknown: usize,
}

/// Reads the export at `root`, its folder or its YAML file. `naming` decides the data set's name.
///
/// # Errors
/// When class names, images or the folder of training images are missing, or more than half of the label files or all
/// of a split are; or when the name asked for is refused. Faults in label files are listed in [`Source::problems`].
pub fn read(root: &Path, naming: &Naming) -> Result<Source> {
    let folder = match root.is_file() {
        true => root.parent().unwrap_or(Path::new("")),
        false => root,
    };
    if !root.exists() {
        return Err(Error::layout(
            root,
            "YOLO export",
            "no such folder",
            "a folder",
        ));
    }
    let Some(config) = Config::find(root)? else {
        let expected = "data.yaml with names, or classes.txt, obj.names or obj.data";
        return Err(Error::layout(root, "class names", "none", expected));
    };
    let mut images = Images::find(folder, &config)?;
    images.drop_unlabelled(folder);
    let label_files = LabelFiles::find(&images)?;
    let format = labels::Format {
        class_of: &config.class_of,
        keypoints: config.keypoints,
    };
    let parsed: Vec<Read> = images
        .images
        .par_iter()
        .zip(&label_files.of_image)
        .map(|((image, _), label)| read_image(image, label.as_deref(), &format))
        .collect();

    let mut source = Source {
        has_splits: images.has_splits,
        is_relative: true,
        problems: images.problems,
        credit: config.credit.clone(),
        notes: config.notes.iter().chain(&images.notes).cloned().collect(),
        ..Source::new(config.classes.clone())
    };
    naming.give(&mut source, folder, None)?;
    for (name, content) in config.inputs.iter().chain(&images.inputs) {
        source.annotations.add(name, content);
    }
    let paths: Vec<&Path> = images
        .images
        .iter()
        .map(|(path, _)| path.as_path())
        .collect();
    let names = names_and_ids(folder, &paths);
    let mut counts = Counts::default();
    for (((path, split), read), (file_name, image_id)) in
        images.images.iter().zip(parsed).zip(names)
    {
        source.annotations.add(&file_name, read.text.as_bytes());
        source.annotations.add("split", split.as_ref().as_bytes());
        match read.labels {
            Err(problem) => source.problems.push(problem),
            Ok(labels) if labels.has_unknown => {
                counts.unknown += 1;
                source.problems.extend(labels.problems);
            }
            Ok(labels) => {
                counts.clipped += labels.clipped;
                counts.repeated += labels.repeated;
                source.problems.extend(labels.problems);
                source.remarks.extend(labels.remarks);
                source.images.push(SourceImage {
                    image_id,
                    file_name,
                    path: path.clone(),
                    split: *split,
                    size: None,
                    group_id: None,
                    extra_labels: labels.extra_labels,
                    objects: labels.objects,
                });
            }
        }
    }
    let without_image =
        |path: &PathBuf| Problem::new(path, "image", "no such file", "an image of this name");
    source
        .problems
        .extend(label_files.without_image.iter().map(without_image));
    say(&mut source, &label_files, &config, &counts);
    Ok(source)
}

/// Reads the label file of an image. An image without one, or with an empty one, has no objects.
fn read_image(image: &Path, label: Option<&Path>, format: &labels::Format) -> Read {
    let Some(path) = label else {
        return Read {
            text: String::new(),
            labels: Ok(Labels::default()),
        };
    };
    let text = fs_err::read(path)
        .map_err(|error| Problem::new(path, "file", unreadable(&error), "a label file"))
        .and_then(|bytes| {
            let not_text = |error: std::string::FromUtf8Error| {
                Problem::new(path, "file", error.to_string(), "a text file")
            };
            String::from_utf8(bytes).map_err(not_text)
        });
    match text {
        Err(problem) => Read {
            text: String::new(),
            labels: Err(problem),
        },
        Ok(text) if text.trim().is_empty() => Read {
            labels: Ok(Labels::default()),
            text,
        },
        Ok(text) => {
            let labels = size_of(image).map(|size| labels::parse(path, &text, format, size));
            Read { text, labels }
        }
    }
}

/// Adds the notes on decisions made for the user: boxes cut, lines left out and the like.
fn say(source: &mut Source, label_files: &LabelFiles, config: &Config, counts: &Counts) {
    let without = label_files
        .of_image
        .iter()
        .filter(|label| label.is_none())
        .count();
    if without > 0 {
        source.notes.push(format!(
            "{} no label file: no objects",
            words::images(without, "has", "have")
        ));
    }
    let Counts {
        clipped,
        repeated,
        unknown,
    } = counts;
    if *clipped > 0 {
        source.notes.push(format!(
            "{}: cut at its edge",
            words::counted(
                *clipped,
                "box reaches beyond its image",
                "boxes reach beyond their image"
            )
        ));
    }
    if *repeated > 0 {
        source.notes.push(format!(
            "{} another one: left out",
            words::counted(
                *repeated,
                "line of label files repeats",
                "lines of label files repeat"
            )
        ));
    }
    if *unknown > 0 {
        source.notes.push(format!(
            "{} an object whose class is not known, and so perhaps more classes: left out",
            words::images(*unknown, "has", "have")
        ));
    }
    if config.keypoints.is_some() {
        source
            .notes
            .push("keypoints are not read, only the boxes beside them".to_owned());
    }
}
