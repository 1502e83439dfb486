//! Makes the records of images and objects from the rows of tables. In a table of boxes a row is an object with its
//! box, in a table of labels a class of an image.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::path::{Path, PathBuf};

use super::columns::{Columns, ONE_CLASS};
use super::layout::{Layout, Part};
use super::masks;
use crate::error::{Problem, Result};
use crate::image::orientation::Orientation;
use crate::mask::rle::CompressedRle;
use crate::source::finding::{Gallery, Shortened, names_and_ids, size_of};
use crate::source::naming::Naming;
use crate::source::record::{MaskKind, Source, SourceImage, SourceObject};
use crate::source::split::Split;
use crate::source::tabular::{HEADERLESS, Row, Table};
use crate::words;

/// How far below 0 or above 1 a coordinate given as a fraction of the image's size may lie, for rounding. Chosen.
const ROUNDING: f64 = 1e-3;

/// Reads the tables and finds their images. Classes and groups are numbered in the order of their names
/// (of their numbers, where all names are numbers).
///
/// # Errors
/// When a table lacks columns that it needs, no row names an image, or the name asked for is refused. A row with a
/// fault is left out and listed in [`Source::problems`]; its class still counts as a label of its image.
pub(super) fn read(layout: &Layout, naming: &Naming) -> Result<Source> {
    let mut tables = Vec::new();
    for part in &layout.parts {
        let table = Table::open(&part.path)?;
        let columns = Columns::of(&table, part.has_boxes)?;
        tables.push((part, table, columns));
    }
    if tables.iter().any(|(_, _, columns)| columns.class.is_some()) {
        for (_, table, columns) in &tables {
            columns.need_class(table)?;
        }
    }
    need_splits(&tables)?;
    let cells = tables
        .iter()
        .flat_map(|(_, table, columns)| table.rows().map(|row| columns.class_of(row)));
    let classes = in_order(cells.filter(|class| !class.is_empty()));
    let gallery = Gallery::below(&layout.images)?;
    let mut rows = Rows {
        gallery: &gallery,
        class_ids: classes.iter().cloned().zip(0..).collect(),
        by_path: HashMap::new(),
        images: Vec::new(),
        mask_files: HashSet::new(),
        varying: BTreeSet::new(),
        source: Source::new(classes),
        counts: Counts::default(),
    };
    for (part, table, columns) in &tables {
        rows.source.annotations.add("table", &table.fingerprint);
        rows.add_table(part, table, columns);
    }
    let mut source = rows.finish(layout)?;
    let is_generic = |name: &std::ffi::OsStr| name.eq_ignore_ascii_case("images");
    let named_after = match layout.images.parent() {
        Some(parent)
            if layout.images.file_name().is_some_and(is_generic) && parent != Path::new("") =>
        {
            parent
        }
        _ => &layout.images,
    };
    naming.give(&mut source, named_after, None)?;
    Ok(source)
}

/// Refuses tables of boxes if the names of some say a split, and others have neither such a name nor a column of
/// splits.
fn need_splits(tables: &[(&Part, Table, Columns)]) -> Result<(), Problem> {
    let boxes = || tables.iter().filter(|(part, _, _)| part.has_boxes);
    let named = boxes().find(|(part, _, _)| part.split.is_some());
    let unnamed = boxes()
        .filter(|(part, _, columns)| part.split.is_none() && columns.split.is_none())
        .map(|(part, _, _)| part.path.display().to_string())
        .collect::<Vec<_>>();
    match (named, unnamed.as_slice()) {
        (Some((part, _, _)), [first, ..]) => {
            let found = unnamed.join(", ");
            let expected = format!(
                "train, val or test in the name of each file or its folder, as of {} (or --images DIR and \
                 --boxes FILE for each file that is meant)",
                part.path.display()
            );
            Err(Problem::new(first, "split", found, expected))
        }
        _ => Ok(()),
    }
}

/// Returns the names in order, each once: by value where all are whole numbers, else alphabetically.
fn in_order<'a>(names: impl Iterator<Item = &'a str>) -> Vec<String> {
    let mut names: Vec<&str> = names.collect::<BTreeSet<_>>().into_iter().collect();
    if names.iter().all(|name| name.parse::<i64>().is_ok()) {
        names.sort_by_key(|name| name.parse::<i64>().ok());
    }
    names.into_iter().map(str::to_owned).collect()
}

/// Numbers for the notes.
#[derive(Default)]
struct Counts {
    /// Rows of tables of boxes with a class and no box.
    without_box: usize,
    /// Boxes that reach beyond their image.
    beyond: usize,
}

/// An image while rows are added to it.
struct Building<'a> {
    path: &'a Path,
    split: Option<Split>,
    group: Option<String>,
    /// Width and height in pixels, as the table says.
    size: Option<(u32, u32)>,
    /// Width and height in pixels, as the file's header says. The outer `None`: not yet read; the inner: unreadable.
    header: Option<Option<(u32, u32)>>,
    extra_labels: Vec<i32>,
    objects: Vec<SourceObject>,
    /// Cells of the columns that are not known, by column.
    cells: BTreeMap<String, String>,
    /// The table that names it first.
    table: PathBuf,
}

/// The images and classes that the rows read so far make.
struct Rows<'a> {
    gallery: &'a Gallery,
    class_ids: HashMap<String, i32>,
    /// Indices into `images`.
    by_path: HashMap<&'a Path, usize>,
    images: Vec<Building<'a>>,
    /// The mask files found, which are not images that were left out.
    mask_files: HashSet<PathBuf>,
    /// Unknown columns whose cells differ between rows of one image, so that they cannot describe the image.
    varying: BTreeSet<String>,
    source: Source,
    counts: Counts,
}

impl<'a> Rows<'a> {
    /// Adds all rows of a table, and notes on how they are read.
    fn add_table(&mut self, part: &Part, table: &Table, columns: &Columns) {
        let is_relative = is_relative(table, columns);
        self.source.is_relative |= is_relative;
        if let Some(bbox) = columns.bbox {
            let unit = match is_relative {
                true => "fractions of the image's width and height, since none is over 1",
                false => "pixels",
            };
            let path = part.path.display();
            let notes = &mut self.source.notes;
            if table.is_headerless {
                let names = HEADERLESS.join(", ");
                notes.push(format!(
                    "{path}: no header: {names}, as keras-retinanet writes"
                ));
            }
            notes.push(format!("{path}: boxes of {} in {unit}", bbox.said()));
            if columns.class.is_none() {
                notes.push(format!(
                    "{path}: no column of classes: all boxes are of one class, {ONE_CLASS}"
                ));
            }
        }
        let mut shortened = Shortened::default();
        for row in table.rows() {
            let at = match self.image(part, columns, row, &mut shortened) {
                Ok(at) => at,
                Err(problem) => {
                    self.source.problems.push(problem);
                    continue;
                }
            };
            let class_id = self.class_ids.get(columns.class_of(row)).copied();
            let object = self
                .place(at, part, columns, row)
                .and_then(|()| self.object(at, part, columns, row, is_relative));
            let image = &mut self.images[at];
            match object {
                Ok(Some(object)) => image.objects.push(object),
                Ok(None) => image.extra_labels.extend(class_id),
                Err(problem) => {
                    image.extra_labels.extend(class_id);
                    self.source.problems.push(problem);
                }
            }
        }
    }

    /// Returns the index of a row's image in `images`, where it is added if it is new.
    fn image(
        &mut self,
        part: &Part,
        columns: &Columns,
        row: Row,
        shortened: &mut Shortened,
    ) -> Result<usize, Problem> {
        let written = row.cell(columns.image);
        let wrong = |expected: String| row.problem(columns.image, expected);
        let found = self
            .gallery
            .find(&part.folders, written)
            .map_err(|expected| wrong(expected.to_owned()))?;
        shortened.check(&found).map_err(wrong)?;
        let next = self.images.len();
        let at = *self.by_path.entry(found.path).or_insert(next);
        if at == next {
            self.images.push(Building {
                path: found.path,
                split: part.split,
                group: None,
                size: None,
                header: None,
                extra_labels: Vec::new(),
                objects: Vec::new(),
                cells: BTreeMap::new(),
                table: part.path.clone(),
            });
        }
        Ok(at)
    }

    /// Records the split, group, size and other cells that a row states for its image, number `at`.
    ///
    /// # Errors
    /// When one of them contradicts an earlier row of the image, or the split is not one.
    fn place(
        &mut self,
        at: usize,
        part: &Part,
        columns: &Columns,
        row: Row,
    ) -> Result<(), Problem> {
        let image = &mut self.images[at];
        for (column, name) in &columns.others {
            let cell = row.cell(*column);
            let before = image
                .cells
                .entry(name.clone())
                .or_insert_with(|| cell.to_owned());
            if before != cell {
                self.varying.insert(name.clone());
            }
        }
        let split = match columns.split {
            None => part.split,
            Some(column) => {
                let split = Split::named_in(row.cell(column));
                Some(split.ok_or_else(|| row.problem(column, "train, val or test"))?)
            }
        };
        if let Some((before, split)) = image
            .split
            .zip(split)
            .filter(|(before, split)| before != split)
        {
            let expected = format!("{before}, in which this image is above");
            return Err(match columns.split {
                Some(column) => row.problem(column, expected),
                None => row.problem(
                    columns.image,
                    format!("an image of {split} only, not of {before}"),
                ),
            });
        }
        image.split = image.split.or(split);
        if let Some(column) = columns.group {
            let group = row.cell(column);
            if let Some(before) = image.group.as_ref().filter(|before| *before != group) {
                let expected = format!("{before}, the group that this image is in above");
                return Err(row.problem(column, expected));
            }
            image.group = (!group.is_empty()).then(|| group.to_owned());
        }
        if let Some([width, height]) = columns.size {
            let pixels = |column: usize| {
                let pixels: Option<u32> = row.cell(column).parse().ok();
                pixels.filter(|&pixels| pixels > 0)
            };
            // An empty or impossible size counts as not stated, as in other formats.
            let size = pixels(width).zip(pixels(height));
            if image.size.is_some() && size.is_some() && image.size != size {
                let (width, height) = image.size.unwrap_or_default();
                let expected = format!("{width}x{height}, the size of this image above");
                return Err(row.problem(columns.size.unwrap_or_default()[0], expected));
            }
            image.size = image.size.or(size);
        }
        Ok(())
    }

    /// Returns the object of a row; `None` where the row has neither a box nor a mask. A mask without a box gives the
    /// box around it; a broken mask beside a box is only a remark.
    fn object(
        &mut self,
        at: usize,
        part: &Part,
        columns: &Columns,
        row: Row,
        is_relative: bool,
    ) -> Result<Option<SourceObject>, Problem> {
        let Some(boxes) = columns.bbox else {
            return Ok(None);
        };
        let mut bbox = boxes.read(row)?;
        let mask_name = columns
            .mask
            .map(|column| row.cell(column))
            .filter(|name| !name.is_empty());
        let class = columns.class_of(row);
        let Some(&class_id) = self.class_ids.get(class) else {
            return match (bbox, mask_name) {
                (None, None) => Ok(None), // an image without objects
                _ => Err(row.problem(columns.class.unwrap_or(columns.image), "a class")),
            };
        };
        if let Some(found) = &mut bbox {
            self.check(at, boxes.at[0], row, found, is_relative)?;
        }
        let mut object = SourceObject {
            instance_id: self.images[at].objects.len() as i64 + 1,
            class_id,
            bbox: [0.0; 4],
            is_difficult: false,
            is_crowd: false,
            area: None,
            mask_kind: MaskKind::Box,
            segmentation: None,
        };
        if let (Some(name), Some(column)) = (mask_name, columns.mask) {
            match (self.mask(at, part, row, column, name), bbox) {
                (Ok((rle, around)), _) => {
                    object.segmentation = Some(rle);
                    object.mask_kind = MaskKind::Png;
                    bbox = bbox.or(Some(around));
                }
                (Err(problem), Some(_)) => self.source.remarks.push(problem),
                (Err(problem), None) => return Err(problem),
            }
        }
        self.counts.without_box += usize::from(bbox.is_none());
        Ok(bbox.map(|bbox| SourceObject { bbox, ..object }))
    }

    /// Converts a box to pixels where the table has fractions (`is_relative`), and refuses one that lies outside its
    /// image, unless it lies inside the image rotated as its EXIF orientation says.
    fn check(
        &mut self,
        at: usize,
        column: usize,
        row: Row,
        bbox: &mut [f64; 4],
        is_relative: bool,
    ) -> Result<(), Problem> {
        let path = self.images[at].path;
        let Some(size) = self.images[at].size.or_else(|| self.header(at)) else {
            return match is_relative {
                true => Err(size_of(path)
                    .err()
                    .unwrap_or_else(|| row.problem(column, "pixels"))),
                false => Ok(()), // decoding the image will report that it is broken
            };
        };
        let [width, height] = [f64::from(size.0), f64::from(size.1)];
        if is_relative {
            let [left, top, right, bottom] = bbox.map(|edge| edge.clamp(0.0, 1.0));
            *bbox = [left * width, top * height, right * width, bottom * height];
            return Ok(());
        }
        let [left, top, right, bottom] = *bbox;
        let is_outside = |width: f64, height: f64| {
            left >= width || top >= height || right <= 0.0 || bottom <= 0.0
        };
        if is_outside(width, height) {
            let turned = fs_err::read(path)
                .map(|bytes| Orientation::of(&bytes).size(size))
                .unwrap_or(size);
            if turned == size || is_outside(f64::from(turned.0), f64::from(turned.1)) {
                let expected = format!("a box inside the image of {}x{} pixels", size.0, size.1);
                return Err(row.problem(column, expected));
            }
        // A pixel is allowed for rounding and for counting from 1.
        } else if left < -1.0 || top < -1.0 || right > width + 1.0 || bottom > height + 1.0 {
            self.counts.beyond += 1;
        }
        Ok(())
    }

    /// Returns the shape that a mask file shows, and the box around it (left, top, right, bottom) in pixels.
    fn mask(
        &mut self,
        at: usize,
        part: &Part,
        row: Row,
        column: usize,
        name: &str,
    ) -> Result<(CompressedRle, [f64; 4]), Problem> {
        let path =
            masks::find(&part.folders, name).map_err(|expected| row.problem(column, expected))?;
        self.mask_files.insert(path.clone());
        let image = self.images[at].path;
        let size = self.header(at).map_or_else(|| size_of(image), Ok)?;
        let (rle, bytes) = masks::read(&path, size)?;
        self.source.annotations.add("mask", &bytes);
        let [x, y, width, height] = rle.bounding_box().unwrap_or_default().map(f64::from);
        Ok((CompressedRle::from(&rle), [x, y, x + width, y + height]))
    }

    /// Returns the size in pixels that an image's header says, if it can be read.
    fn header(&mut self, at: usize) -> Option<(u32, u32)> {
        let image = &mut self.images[at];
        *image.header.get_or_insert_with(|| size_of(image.path).ok())
    }

    /// Makes the records of the images, once all rows are read.
    fn finish(mut self, layout: &Layout) -> Result<Source> {
        if self.images.is_empty() {
            let first = self.source.problems.into_iter().next();
            let nothing = || {
                Problem::new(
                    &layout.parts[0].path,
                    "rows",
                    "nothing",
                    "an image and its class",
                )
            };
            return Err(first.unwrap_or_else(nothing).into());
        }
        self.say(layout);
        let groups = in_order(
            self.images
                .iter()
                .filter_map(|image| image.group.as_deref()),
        );
        let group_ids: HashMap<&str, i32> = groups.iter().map(String::as_str).zip(0..).collect();
        let has_splits = self.images.iter().any(|image| image.split.is_some());
        let paths: Vec<&Path> = self.images.iter().map(|image| image.path).collect();
        let names = names_and_ids(&layout.images, &paths);
        let source = &mut self.source;
        for (image, (file_name, image_id)) in self.images.into_iter().zip(names) {
            if has_splits && image.split.is_none() {
                let found = format!("nothing for {file_name}");
                source.problems.push(Problem::new(
                    &image.table,
                    "split",
                    found,
                    "train, val or test",
                ));
                continue;
            }
            for (name, cell) in image
                .cells
                .into_iter()
                .filter(|(name, _)| !self.varying.contains(name))
            {
                source
                    .columns
                    .entry(name)
                    .or_default()
                    .insert(image_id.clone(), cell);
            }
            source.images.push(SourceImage {
                image_id,
                file_name,
                path: image.path.to_owned(),
                split: image.split.unwrap_or(Split::Train),
                size: image.size,
                group_id: image
                    .group
                    .and_then(|group| group_ids.get(&*group).copied()),
                extra_labels: image.extra_labels,
                objects: image.objects,
            });
        }
        source.has_splits = has_splits;
        source.groups = (0..).zip(groups).collect();
        Ok(self.source)
    }

    /// Adds the notes on decisions made for the user: rows without boxes, images in no table and the like.
    fn say(&mut self, layout: &Layout) {
        let images = self.gallery.files().images();
        let unnamed = images
            .filter(|path| !self.by_path.contains_key(path) && !self.mask_files.contains(*path));
        let unnamed = unnamed.count();
        let grouped = self
            .images
            .iter()
            .filter(|image| image.group.is_some())
            .count();
        let ungrouped = self.images.len() - grouped;
        let notes = &mut self.source.notes;
        if self.counts.without_box > 0 {
            notes.push(format!(
                "{} a class and no box: the class counts, without a box",
                words::counted(self.counts.without_box, "row has", "rows have")
            ));
        }
        if self.counts.beyond > 0 {
            notes.push(words::counted(
                self.counts.beyond,
                "box reaches beyond its image",
                "boxes reach beyond their image",
            ));
        }
        if grouped > 0 && ungrouped > 0 {
            let images = words::images(ungrouped, "is", "are");
            notes.push(format!("{images} in no group"));
        }
        if unnamed > 0 {
            notes.push(format!(
                "{} in no table: left out (a row with an empty class makes one an image without classes)",
                words::images(
                    unnamed,
                    &format!("of {} is", layout.images.display()),
                    &format!("of {} are", layout.images.display())
                )
            ));
        }
    }
}

/// Whether a table's coordinates are fractions of the image's size, which is so if all of them are between 0 and 1;
/// pixel coordinates of a whole table never are.
fn is_relative(table: &Table, columns: &Columns) -> bool {
    let Some(boxes) = columns.bbox else {
        return false;
    };
    let mut read = table
        .rows()
        .filter_map(|row| boxes.read(row).ok().flatten())
        .peekable();
    let is_fraction = |edge: f64| (-ROUNDING..=1.0 + ROUNDING).contains(&edge);
    read.peek().is_some() && read.all(|bbox| bbox.into_iter().all(is_fraction))
}
