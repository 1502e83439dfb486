//! Recognises the columns of a user's table, in which each row is either an object with its box (a table of boxes) or a
//! class of an image (a table of labels), and reads the boxes of rows.

use std::path::Path;

use crate::error::{Problem, Result};
use crate::source::tabular::{Row, Table};

/// Names of the column of images, the likeliest first, as tools and public tables call it.
const IMAGE: [&str; 10] = [
    "image",
    "filename",
    "file_name",
    "image_id",
    "image_path",
    "path",
    "image_name",
    "imageid",
    "img",
    "file",
];
/// Names of the column of classes, the likeliest first.
const CLASS: [&str; 12] = [
    "class",
    "label",
    "category",
    "name",
    "class_name",
    "label_name",
    "labelname",
    "category_name",
    "class_id",
    "category_id",
    "label_id",
    "classid",
];

/// The class of all boxes in a table without a column of classes.
pub(super) const ONE_CLASS: &str = "object";

/// The name of a single column with the box as text, `[x, y, width, height]`.
const LIST: &str = "bbox";

/// Spellings of left, top, right and bottom.
const CORNERS: [[&str; 4]; 6] = [
    ["xmin", "ymin", "xmax", "ymax"],
    ["x_min", "y_min", "x_max", "y_max"],
    ["x1", "y1", "x2", "y2"],
    ["left", "top", "right", "bottom"],
    ["bbox_xmin", "bbox_ymin", "bbox_xmax", "bbox_ymax"],
    ["bbox_x1", "bbox_y1", "bbox_x2", "bbox_y2"],
];
/// Spellings of left, top, width and height.
const SIZES: [[&str; 4]; 5] = [
    ["x", "y", "width", "height"],
    ["x", "y", "w", "h"],
    ["xmin", "ymin", "width", "height"],
    ["left", "top", "width", "height"],
    ["bbox_x", "bbox_y", "bbox_width", "bbox_height"],
];

/// The columns of a table, as indices.
#[derive(Debug)]
pub(super) struct Columns {
    pub image: usize,
    /// `None` in a table of boxes without classes; its boxes are all of [`ONE_CLASS`].
    pub class: Option<usize>,
    /// `None` in a table of labels.
    pub bbox: Option<BoxColumns>,
    /// The columns of the image's width and height. They are looked for only where the box is given by corners or in
    /// one column, since `width` and `height` could otherwise be the box's.
    pub size: Option<[usize; 2]>,
    pub split: Option<usize>,
    pub group: Option<usize>,
    pub mask: Option<usize>,
    /// Index and name of all columns but those of image, class, box, size, split and mask; for `--split-by`.
    pub others: Vec<(usize, String)>,
}

/// The columns of a box, in the order left, top, then right and bottom or width and height.
#[derive(Debug, Clone, Copy)]
pub(super) struct BoxColumns {
    /// Indices of the columns; four times the same where one column has all four numbers.
    pub at: [usize; 4],
    /// Whether the last two are width and height, not right and bottom.
    pub has_size: bool,
    /// Whether all four are in one column ([`LIST`]).
    pub is_list: bool,
    /// What the columns are called, for messages.
    pub names: [&'static str; 4],
}

impl Columns {
    /// Recognises the columns of a table of boxes (`has_boxes`) or of labels.
    ///
    /// # Errors
    /// When a column that is needed is missing, or one is there twice.
    pub(super) fn of(table: &Table, has_boxes: bool) -> Result<Self, Problem> {
        let image = table.any_column(&IMAGE)?;
        // A table of boxes may lack a column of classes, a table of labels may not.
        let class = match has_boxes {
            true => table.find_column(&CLASS)?,
            false => Some(table.any_column(&CLASS)?),
        };
        let split = table.find_column(&["split"])?;
        let group = table.find_column(&["group"])?;
        let (mut bbox, mut size, mut mask) = (None, None, None);
        if has_boxes {
            bbox = Some(box_columns(table)?);
            mask = table.find_column(&["mask", "mask_path", "mask_file"])?;
            if bbox.is_some_and(|bbox| bbox.is_list || !bbox.has_size) {
                let [width, height] = [
                    &["width", "image_width", "img_width"],
                    &["height", "image_height", "img_height"],
                ]
                .map(|names| table.find_column(names));
                size = width?.zip(height?).map(|(width, height)| [width, height]);
            }
        }
        let mut known = vec![image];
        known.extend(class);
        known.extend(bbox.iter().flat_map(|bbox| bbox.at));
        known.extend(size.iter().flatten());
        known.extend([split, mask].into_iter().flatten());
        let others = table.other_columns(&known);
        Ok(Self {
            image,
            class,
            bbox,
            size,
            split,
            group,
            mask,
            others,
        })
    }

    /// Returns the class of a row; an empty text where the row has no object and no class.
    pub(super) fn class_of<'a>(&self, row: Row<'a>) -> &'a str {
        let mut object = self.bbox.iter().flat_map(|bbox| bbox.at).chain(self.mask);
        match self.class {
            Some(column) => row.cell(column),
            None if object.all(|column| is_empty(row.cell(column))) => "",
            None => ONE_CLASS,
        }
    }

    /// Refuses a table without classes.
    ///
    /// # Errors
    /// When it has no column of classes.
    pub(super) fn need_class(&self, table: &Table) -> Result<(), Problem> {
        match self.class {
            Some(_) => Ok(()),
            None => Err(table.lacks("a column class")),
        }
    }
}

/// Whether a cell has no value. pandas writes `nan` for that.
fn is_empty(cell: &str) -> bool {
    cell.is_empty() || cell.eq_ignore_ascii_case("nan")
}

/// Whether a file's header has the columns that a table of boxes needs.
pub(super) fn is_boxes(path: &Path) -> bool {
    Table::header(path).is_ok_and(|table| Columns::of(&table, true).is_ok())
}

/// Finds the columns of boxes. Spellings of corners are tried first, so that `width` and `height` beside corners are
/// taken as the image's size.
fn box_columns(table: &Table) -> Result<BoxColumns, Problem> {
    let spellings = CORNERS
        .iter()
        .map(|names| (names, false))
        .chain(SIZES.iter().map(|names| (names, true)));
    for (names, has_size) in spellings {
        let mut at = [0; 4];
        let mut all = true;
        for (slot, name) in at.iter_mut().zip(names) {
            match table.find_column(&[name])? {
                Some(column) => *slot = column,
                None => all = false,
            }
        }
        if all {
            return Ok(BoxColumns {
                at,
                has_size,
                is_list: false,
                names: *names,
            });
        }
    }
    if let Some(column) = table.find_column(&[LIST])? {
        return Ok(BoxColumns {
            at: [column; 4],
            has_size: true,
            is_list: true,
            names: SIZES[0],
        });
    }
    Err(table.lacks("columns xmin, ymin, xmax, ymax, or x, y, width, height"))
}

/// Reads a finite number.
fn number(text: &str) -> Option<f64> {
    let number: Option<f64> = text.trim().parse().ok();
    number.filter(|number| number.is_finite())
}

/// Reads four numbers in brackets, with commas between them.
fn list(text: &str) -> Option<[f64; 4]> {
    let inside = text.strip_prefix(['[', '('])?.strip_suffix([']', ')'])?;
    let numbers: Option<Vec<f64>> = inside.split(',').map(number).collect();
    numbers?.try_into().ok()
}

impl BoxColumns {
    /// Says which columns the boxes are in, for a note.
    pub(super) fn said(&self) -> String {
        let names = self.names.join(", ");
        match self.is_list {
            true => format!("the column {LIST} ({names})"),
            false => format!("the columns {names}"),
        }
    }

    /// Returns left, top, right and bottom of a row's box, in the table's unit; `None` where all four cells are empty.
    ///
    /// # Errors
    /// When a cell is no number, or the box has no width or height.
    pub(super) fn read(&self, row: Row) -> Result<Option<[f64; 4]>, Problem> {
        if self.at.iter().all(|column| is_empty(row.cell(*column))) {
            return Ok(None);
        }
        let mut bbox = match self.is_list {
            true => list(row.cell(self.at[0]))
                .ok_or_else(|| row.problem(self.at[0], "[x, y, width, height]"))?,
            false => [0.0; 4],
        };
        for (value, column) in bbox.iter_mut().zip(self.at).filter(|_| !self.is_list) {
            *value = number(row.cell(column)).ok_or_else(|| row.problem(column, "a number"))?;
        }
        if self.has_size {
            bbox[2] += bbox[0];
            bbox[3] += bbox[1];
        }
        for (low, high) in [(0, 2), (1, 3)] {
            if bbox[low] >= bbox[high] {
                let expected = match self.has_size {
                    true => "more than 0".to_owned(),
                    false => format!("more than {} {}", self.names[low], bbox[low]),
                };
                return Err(row.problem(self.at[high], expected));
            }
        }
        Ok(Some(bbox))
    }
}
