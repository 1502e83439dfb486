//! Reads a file of predictions, of our trainer or any other tool, batch by batch, and checks that it is of
//! the same run, checkpoint, split and precision as the maps or the evaluation that it belongs to.

use std::path::Path;
use std::sync::LazyLock;

use arrow::array::{
    Array, AsArray, BooleanArray, Float32Array, Int32Array, RecordBatch, StringArray,
};
use arrow::compute::cast;
use arrow::datatypes::DataType;
use data_prep::dataset::Labels;
use data_prep::table::{Origin, TableSpec, column, conform};

use super::table::PREDICTIONS;
use crate::error::{Error, Result};
use crate::evaluate::keys::{LABELS_KEY, TASK_KEY};
use crate::maps::{Columnar, RunColumns, Source};

/// The columns that a file must have: a cell (image and class) and its logit.
static CELLS: LazyLock<TableSpec> =
    LazyLock::new(|| PREDICTIONS.part(&["image_id", "class_id", "logit"]));
/// The column of targets, which a file may have.
static TARGET: LazyLock<TableSpec> = LazyLock::new(|| PREDICTIONS.part(&["target"]));

/// A column that must have one value throughout the file, such as `run_id`.
struct Field {
    /// The column.
    spec: TableSpec,
    /// The value in the maps or evaluation that the file belongs to, else the first one found.
    expected: Option<String>,
    /// Where that value is, e.g. `in the maps`.
    whose: String,
    /// The value in the file; `None` until a row has one.
    found: Option<String>,
}

/// What a file of predictions must be of: the run, checkpoint, split, precision and task of the maps or
/// evaluation that it belongs to.
pub(crate) struct Belonging {
    /// Columns of the file: run_id, checkpoint, split, precision.
    fields: [Field; 4],
    /// The expected task, which is compared with the file's metadata, and the words that say where it is from.
    task: Option<(String, String)>,
}

impl Belonging {
    /// Takes the expected values from `columns`, as far as they are known there. `whose` says for messages
    /// where they are from, e.g. `in the maps`.
    pub(crate) fn new(columns: &RunColumns, whose: &str) -> Self {
        let field = |name, expected: Option<String>| Field {
            spec: PREDICTIONS.part(&[name]),
            expected,
            whose: whose.to_owned(),
            found: None,
        };
        let RunColumns {
            run_id, precision, ..
        } = columns.clone();
        let checkpoint = columns.checkpoint.map(|epoch| epoch.to_string());
        let split = columns.split.map(|split| split.to_string());
        Self {
            fields: [
                field("run_id", run_id),
                field("checkpoint", checkpoint),
                field("split", split),
                field("precision", precision),
            ],
            task: (columns.task).map(|task| (task.to_string(), whose.to_owned())),
        }
    }
}

/// Returns whether an image shows any number of classes or exactly one, as a table's metadata say; any number if
/// they do not say it.
///
/// # Errors
/// When the value is neither `multi` nor `single`.
pub(crate) fn labels_of(origin: &Origin, path: &Path) -> Result<Labels> {
    let Some(found) = origin.get(LABELS_KEY) else {
        return Ok(Labels::Multi);
    };
    found.parse().map_err(|_| Error::Metadata {
        path: path.to_owned(),
        key: LABELS_KEY,
        found: found.to_owned(),
        expected: "multi or single",
    })
}

/// Reads the rows of a file of predictions a batch at a time.
pub(crate) struct Rows {
    file: Columnar,
    belonging: Belonging,
    /// Whether an image shows any number of classes or exactly one.
    pub(crate) labels: Labels,
    /// Rows read so far, for messages.
    row: usize,
}

/// Some rows of the file. `targets` is `None` where the file has no such column.
pub(crate) struct Batch {
    pub(crate) image_ids: StringArray,
    pub(crate) class_ids: Int32Array,
    pub(crate) logits: Float32Array,
    pub(crate) targets: Option<BooleanArray>,
}

impl Rows {
    /// Opens a file.
    ///
    /// # Errors
    /// When it is of an unknown kind, is another table, or its metadata have another task or an unknown word for
    /// the number of labels.
    pub(crate) fn open(source: &Source, belonging: Belonging) -> Result<Self> {
        let file = Columnar::open(source)?;
        file.origin.check_if_present(&file.path, &PREDICTIONS)?;
        let task = file.origin.get(TASK_KEY);
        if let (Some(found), Some((expected, whose))) = (task, &belonging.task)
            && found != expected
        {
            return Err(Error::OtherRun {
                path: file.path,
                field: TASK_KEY,
                found: found.to_owned(),
                expected: expected.clone(),
                whose: whose.clone(),
            });
        }
        let labels = labels_of(&file.origin, &file.path)?;
        Ok(Self {
            file,
            belonging,
            labels,
            row: 0,
        })
    }

    /// Returns the file's name.
    pub(crate) fn path(&self) -> &Path {
        &self.file.path
    }

    /// Returns the next rows; `None` at the end.
    ///
    /// # Errors
    /// When the file is broken, a column is missing or of another type, rows are of several runs,
    /// checkpoints, splits or precisions, or of another one than the file must be of.
    pub(crate) fn next_batch(&mut self) -> Result<Option<Batch>> {
        let Some(batch) = self.file.next_batch()? else {
            return Ok(None);
        };
        let path = &self.file.path;
        for field in &mut self.belonging.fields {
            if self.file.has_column(field.name()) {
                field.check(path, &batch, self.row)?;
            }
        }
        self.row += batch.num_rows();
        let cells = conform(path, &CELLS, &batch)?;
        let targets = match self.file.has_column("target") {
            true => {
                Some(column::<BooleanArray>(&conform(path, &TARGET, &batch)?, "target").clone())
            }
            false => None,
        };
        Ok(Some(Batch {
            image_ids: column::<StringArray>(&cells, "image_id").clone(),
            class_ids: column::<Int32Array>(&cells, "class_id").clone(),
            logits: column::<Float32Array>(&cells, "logit").clone(),
            targets,
        }))
    }

    /// Returns the run, checkpoint, split and precision of the rows read so far.
    pub(crate) fn columns(&self) -> RunColumns {
        let [run_id, checkpoint, split, precision] = &self.belonging.fields;
        RunColumns {
            run_id: run_id.found.clone(),
            checkpoint: checkpoint.found.as_ref().and_then(|text| text.parse().ok()),
            split: split.found.as_ref().and_then(|text| text.parse().ok()),
            precision: precision.found.clone(),
            ..RunColumns::default()
        }
    }
}

impl Field {
    /// Returns the column's name.
    fn name(&self) -> &'static str {
        self.spec.columns[0].name
    }

    /// Checks the column in a batch whose first row is row `row` of the file: every value must be the expected
    /// one. If no value is expected, the file's first one is from then on. Nulls are passed over.
    fn check(&mut self, path: &Path, batch: &RecordBatch, row: usize) -> Result<()> {
        let batch = conform(path, &self.spec, batch)?;
        let texts = cast(&batch[self.name()], &DataType::Utf8).map_err(Error::arrow(path))?;
        for (i, found) in texts.as_string::<i32>().iter().enumerate() {
            let Some(found) = found else { continue };
            let Some(expected) = &self.expected else {
                self.whose = format!("in row {}", row + i);
                self.expected = Some(found.to_owned());
                continue;
            };
            if expected != found {
                return Err(Error::OtherRun {
                    path: path.to_owned(),
                    field: self.name(),
                    found: found.to_owned(),
                    expected: expected.clone(),
                    whose: self.whose.clone(),
                });
            }
        }
        if self.found.is_none() && texts.null_count() < texts.len() {
            self.found.clone_from(&self.expected);
        }
        Ok(())
    }
}
