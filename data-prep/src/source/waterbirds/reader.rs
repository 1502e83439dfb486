//! Reads Waterbirds-100 (folder `waterbird_1.0_forest2water2`), or other data in its layout, with the boxes of
//! CUB-200-2011, from which the birds are, into records (docs/SPEC.md C.4).
//!
//! The class is the bird (landbird 0, waterbird 1), the box is the bird's. The group is 2 · bird +
//! place, with place 0 for land and 1 for water. The reversed task (class = place, mask = everything outside the box)
//! can be derived from group and box later. `convert` opens the image files.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use super::published::{self, CLASSES, GROUPS};
use crate::error::{Error, Problem, Result};
use crate::source::credit::Credit;
use crate::source::entry::{Folder, Format};
use crate::source::naming::Naming;
use crate::source::record::{Fingerprint, MaskKind, Source, SourceImage, SourceObject, is_inside};
use crate::source::split::Split;
use crate::words;

/// The folder of images and `metadata.csv`.
const IMAGE_FOLDER: &str = "waterbird_1.0_forest2water2";

/// Which images of the validation split are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum, strum::Display)]
#[strum(serialize_all = "lowercase")]
pub enum Validation {
    /// Groups 0 and 3 only: bird and background agree, as in training. The paper's choice.
    #[default]
    Majority,
    /// All four groups, as distributed.
    All,
}

impl Validation {
    /// Whether an image of this split and group is kept.
    fn keeps(self, split: Split, group_id: i32) -> bool {
        self == Self::All || split != Split::Val || group_id == 0 || group_id == 3
    }
}

/// The options of the command `waterbirds`.
#[derive(Debug, clap::Args)]
pub struct Waterbirds {
    #[command(flatten)]
    folder: Folder,
    /// Validation images: the groups whose bird and background agree (the paper), or all.
    #[arg(long, value_enum, default_value_t)]
    val: Validation,
}

impl Format for Waterbirds {
    const NAME: &str = "waterbirds";
    const TITLE: &str =
        "Waterbirds-100: waterbird_1.0_forest2water2 and CUB_200_2011/bounding_boxes.txt";
    const DATASETS: &[&str] = &[published::WATERBIRDS_100];

    fn open(&self, _: &Path, naming: Naming) -> anyhow::Result<Source> {
        let naming = self.folder.named(naming);
        Ok(read(&self.folder.root, &naming, self.val)?)
    }

    fn credit(dataset: &str) -> Option<Credit> {
        (dataset == published::WATERBIRDS_100).then(|| {
            Credit::published(
                "Waterbirds-100: birds of CUB-200-2011 on backgrounds of Places",
                "https://github.com/spetryk/GALS",
                "",
                "S. Petryk, L. Dunlap, K. Nasseri, J. Gonzalez, T. Darrell, A. Rohrbach: On Guiding Visual \
                 Attention with Language Specification. CVPR 2022; after S. Sagawa, P. W. Koh, T. B. \
                 Hashimoto, P. Liang: Distributionally Robust Neural Networks for Group Shifts. ICLR 2020",
            )
        })
    }

    fn recognise(folder: &Path) -> Option<String> {
        let metadata = metadata_paths(folder);
        let metadata = metadata.iter().find(|file| file.is_file())?;
        let text = fs_err::read(metadata).ok()?;
        let mut reader = csv::Reader::from_reader(without_mark(&text));
        Columns::find(metadata, &mut reader).ok()?;
        let shown = metadata.strip_prefix(folder).unwrap_or(metadata);
        Some(format!("Waterbirds, {}", shown.display()))
    }

    fn reading(folder: Folder) -> Option<Self> {
        Some(Self {
            folder,
            val: Validation::default(),
        })
    }
}

/// The paths at which `metadata.csv` may lie, the likeliest first: in the published folder, in `root`, or in another
/// folder in `root`, such as Waterbirds-95's (`waterbird_complete95_forest2water2`).
fn metadata_paths(root: &Path) -> Vec<PathBuf> {
    let mut folders = vec![root.join(IMAGE_FOLDER), root.to_owned()];
    let others = walkdir::WalkDir::new(root)
        .min_depth(1)
        .max_depth(1)
        .sort_by_file_name();
    let others = others
        .into_iter()
        .flatten()
        .map(walkdir::DirEntry::into_path);
    folders.extend(others.filter(|path| path.is_dir()));
    folders
        .into_iter()
        .map(|folder| folder.join("metadata.csv"))
        .collect()
}

/// Reads `root`, which contains `waterbird_1.0_forest2water2/metadata.csv` and `CUB_200_2011/bounding_boxes.txt`.
/// Either file may also lie in `root` itself, and the boxes also beside `metadata.csv`. `naming` decides the data
/// set's name.
///
/// # Errors
/// When one of the two files is missing, a column of `metadata.csv` is missing or occurs twice, or the
/// name asked for is refused. Rows with a wrong value or without a box are left out and listed in
/// [`Source::problems`].
pub fn read(root: &Path, naming: &Naming, validation: Validation) -> Result<Source> {
    let metadata = find(root, &metadata_paths(root))?;
    let images_folder = metadata.parent().unwrap_or(root);
    let boxes_path = find(
        root,
        &[
            root.join("CUB_200_2011").join("bounding_boxes.txt"),
            root.join("bounding_boxes.txt"),
            images_folder.join("bounding_boxes.txt"),
        ],
    )?;
    let metadata_bytes = fs_err::read(&metadata)?;
    let boxes_bytes = fs_err::read(&boxes_path)?;
    let mut annotations = Fingerprint::default();
    annotations.add("metadata.csv", &metadata_bytes);
    annotations.add("bounding_boxes.txt", &boxes_bytes);
    annotations.add("val", validation.to_string().as_bytes());

    let mut problems = Vec::new();
    let boxes = read_boxes(&boxes_path, &boxes_bytes, &mut problems);
    let metadata_text = without_mark(&metadata_bytes);
    let mut reader = csv::Reader::from_reader(metadata_text);
    let columns = Columns::find(&metadata, &mut reader)?;
    let mut images = Vec::new();
    for record in reader.records() {
        let position = match &record {
            Ok(record) => record.position(),
            Err(error) => error.position(),
        };
        let row = Row {
            path: &metadata,
            line: position.map_or(0, |position| line_of(position, metadata_text)),
            columns: &columns,
        };
        match row.read(record, images_folder, &boxes_path, &boxes) {
            Ok(image) => images.extend(image),
            Err(problem) => problems.push(problem),
        }
    }
    images.sort_by_key(|image| image.split);
    let mut source = Source {
        groups: (0..).zip(GROUPS.map(str::to_owned)).collect(),
        images,
        problems,
        annotations,
        ..Source::new(CLASSES.map(str::to_owned).to_vec())
    };
    // The data set is recognised by all images of `metadata.csv`, so before any is left out.
    let published = published::waterbirds_100(&source.images);
    naming.give(&mut source, root, Some(published))?;
    leave_out(&mut source, validation);
    Ok(source)
}

/// Removes the validation images that `validation` does not keep, and adds a note with their number in each group.
fn leave_out(source: &mut Source, validation: Validation) {
    let mut left_out = [0; GROUPS.len()];
    source.images.retain(|image| {
        let group_id = image.group_id.unwrap_or_default();
        let is_kept = validation.keeps(image.split, group_id);
        if let Some(count) = left_out.get_mut(group_id as usize).filter(|_| !is_kept) {
            *count += 1;
        }
        is_kept
    });
    let groups = left_out.iter().zip(GROUPS).filter(|(count, _)| **count > 0);
    let groups: Vec<String> = groups
        .map(|(count, group)| format!("{count} {group}"))
        .collect();
    if !groups.is_empty() {
        source.notes.push(format!(
            "validation images left out by --val {validation}: {} (--val all keeps them)",
            groups.join(", ")
        ));
    }
}

/// Returns the first of the `candidates` that is a file; the error names the first candidate.
fn find(root: &Path, candidates: &[PathBuf]) -> Result<PathBuf> {
    let found = candidates.iter().find(|file| file.is_file());
    found.cloned().ok_or_else(|| {
        let wanted = candidates[0].strip_prefix(root).unwrap_or(&candidates[0]);
        let expected = format!("{}", wanted.display());
        Error::layout(root, "Waterbirds folder", "no such file", expected)
    })
}

/// Drops UTF-8's byte order mark, if there is one.
fn without_mark(bytes: &[u8]) -> &[u8] {
    bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes)
}

/// Returns the line number of a record, from 1. The CSV reader's position is that before the empty lines it skips, so
/// these are added.
fn line_of(position: &csv::Position, text: &[u8]) -> u64 {
    let rest = text.get(position.byte() as usize..).unwrap_or_default();
    let empty = rest.iter().take_while(|byte| matches!(byte, b'\r' | b'\n'));
    position.line() + empty.filter(|&&byte| byte == b'\n').count() as u64
}

/// Returns the `found` and `expected` of the problem with a record, without its line number.
fn csv_fault(error: &csv::Error) -> (String, String) {
    match error.kind() {
        csv::ErrorKind::UnequalLengths {
            expected_len, len, ..
        } => (
            words::counted(*len as usize, "value", "values"),
            format!("{expected_len}, as on the lines before"),
        ),
        csv::ErrorKind::Utf8 { err, .. } => (err.to_string(), "UTF-8".to_owned()),
        _ => (
            error.to_string(),
            "a line of comma-separated values".to_owned(),
        ),
    }
}

/// Box corners (xmin, ymin, xmax, ymax) in pixels by image id; `None` where the image's line is broken.
type Boxes = HashMap<String, Option<[f64; 4]>>;

/// Reads CUB's lines `image_id x y width height`. A broken line is added to `problems`. So is the second line of an id,
/// whose box is taken.
fn read_boxes(path: &Path, bytes: &[u8], problems: &mut Vec<Problem>) -> Boxes {
    let text = String::from_utf8_lossy(without_mark(bytes));
    let mut boxes = HashMap::new();
    for (index, line) in text.lines().enumerate() {
        let words: Vec<&str> = line.split_whitespace().collect();
        let numbers: Vec<f64> = words
            .iter()
            .skip(1)
            .filter_map(|word| word.parse().ok())
            .filter(|number: &f64| number.is_finite())
            .collect();
        match (words.as_slice(), numbers.as_slice()) {
            ([], _) => {}
            ([image_id, _, _, _, _], &[x, y, width, height])
                if width >= 0.0
                    && height >= 0.0
                    && (x + width).is_finite()
                    && (y + height).is_finite() =>
            {
                let corners = [x, y, x + width, y + height];
                if boxes
                    .insert((*image_id).to_owned(), Some(corners))
                    .is_some()
                {
                    problems.push(Problem::new(
                        path,
                        format!("line {}", index + 1),
                        format!("image id {image_id} again"),
                        "one box for each image id",
                    ));
                }
            }
            _ => {
                let expected = "image id, x, y, width and height";
                let field = format!("line {}", index + 1);
                problems.push(Problem::new(path, field, line, expected));
                if let [image_id, ..] = words.as_slice() {
                    boxes.entry((*image_id).to_owned()).or_insert(None);
                }
            }
        }
    }
    boxes
}

/// The indices of the columns in `metadata.csv`.
struct Columns {
    img_id: usize,
    img_filename: usize,
    y: usize,
    split: usize,
    place: usize,
}

impl Columns {
    /// Finds the columns by their names in the header.
    fn find(path: &Path, reader: &mut csv::Reader<&[u8]>) -> Result<Self> {
        let headers = reader
            .headers()
            .map_err(|error| Problem::new(path, "line 1", csv_fault(&error).0, "column names"))?;
        let position = |name: &str| {
            let columns = headers.iter().enumerate();
            let mut columns = columns.filter(|(_, header)| header.trim() == name);
            match (columns.next(), columns.next()) {
                (Some((index, _)), None) => Ok(index),
                (first, _) => {
                    let found = headers.iter().collect::<Vec<_>>().join(",");
                    let a = first.map_or("a", |_| "one");
                    Err(Problem::new(
                        path,
                        "line 1",
                        found,
                        format!("{a} column {name}"),
                    ))
                }
            }
        };
        Ok(Self {
            img_id: position("img_id")?,
            img_filename: position("img_filename")?,
            y: position("y")?,
            split: position("split")?,
            place: position("place")?,
        })
    }
}

/// One line of `metadata.csv`.
struct Row<'a> {
    path: &'a Path,
    line: u64,
    columns: &'a Columns,
}

impl Row<'_> {
    /// Makes the record of the line's image; `None` where its box is broken, which is already in the problems.
    /// `folder` is the folder of images.
    fn read(
        &self,
        record: Result<csv::StringRecord, csv::Error>,
        folder: &Path,
        boxes_path: &Path,
        boxes: &Boxes,
    ) -> Result<Option<SourceImage>, Problem> {
        let record = record.map_err(|error| {
            let (found, expected) = csv_fault(&error);
            Problem::new(self.path, format!("line {}", self.line), found, expected)
        })?;
        let cell = |column: usize| record.get(column).unwrap_or_default().trim();
        let image_id = cell(self.columns.img_id);
        let file_name = cell(self.columns.img_filename);
        let bird = self.number(cell(self.columns.y), "y", 1)?;
        let place = self.number(cell(self.columns.place), "place", 1)?;
        let split = Split::ALL[self.number(cell(self.columns.split), "split", 2)?];
        if !is_inside(file_name) {
            let expected = "a path inside the image folder";
            return Err(self.problem("img_filename", file_name, expected));
        }
        let bbox = match boxes.get(image_id) {
            Some(Some(bbox)) => *bbox,
            Some(None) => return Ok(None),
            None => {
                let field = format!("image id {image_id}");
                return Err(Problem::new(boxes_path, field, "no line", "a bounding box"));
            }
        };
        Ok(Some(SourceImage {
            image_id: image_id.to_owned(),
            file_name: file_name.to_owned(),
            path: folder.join(file_name),
            split,
            size: None,
            group_id: Some((2 * bird + place) as i32),
            extra_labels: Vec::new(),
            objects: vec![SourceObject {
                instance_id: 1,
                class_id: bird as i32,
                bbox,
                is_difficult: false,
                is_crowd: false,
                area: None,
                mask_kind: MaskKind::Box,
                segmentation: None,
            }],
        }))
    }

    /// Reads a whole number from 0 to `most` in a column.
    fn number(&self, found: &str, column: &str, most: usize) -> Result<usize, Problem> {
        usize::from_str(found)
            .ok()
            .filter(|&number| number <= most)
            .ok_or_else(|| self.problem(column, found, &format!("0 to {most}")))
    }

    fn problem(&self, column: &str, found: &str, expected: &str) -> Problem {
        let field = format!("line {}, {column}", self.line);
        Problem::new(self.path, field, found, expected)
    }
}
