//! Attribution maps between programs: written as an Arrow IPC stream, read as a stream, an Arrow file
//! or Parquet, from our trainer or any other tool.
//!
//! One row per (image, class): image_id utf8, class_id i32, logit f32, height i32, width i32, map
//! binary (f32 little-endian, row-major, any resolution). What reading accepts beyond that is said in
//! `reader`; whether a pair belongs to a data set is checked in `pairs`.

mod reader;

use std::collections::HashMap;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;

use arrow::array::{ArrayRef, BinaryArray, Float32Array, Int32Array, RecordBatch, StringArray};
use arrow::datatypes::{Schema, SchemaRef};
use arrow::ipc::writer::StreamWriter;
use data_prep::dataset::{Split, Task};
use data_prep::table::{Kind, SCHEMA_KEY, TableSpec, VERSION_KEY, nullable, required};

use crate::error::{Error, Result};

pub use reader::MapReader;

/// The columns of a map file or stream.
pub const MAPS: TableSpec = TableSpec {
    name: "maps",
    version: 1,
    columns: &[
        required("image_id", Kind::Utf8),
        required("class_id", Kind::I32),
        nullable("logit", Kind::F32),
        required("height", Kind::I32),
        required("width", Kind::I32),
        required("map", Kind::Binary),
    ],
};

/// The map of one class on one image.
#[derive(Debug, Clone, PartialEq)]
pub struct MapRow {
    /// As in `images.parquet`.
    pub image_id: String,
    /// As in `classes.parquet`.
    pub class_id: i32,
    /// The class's logit; `None` where the file has none.
    pub logit: Option<f32>,
    /// Rows of the map.
    pub height: usize,
    /// Columns of the map.
    pub width: usize,
    /// The raw signed attribution, row-major, `height · width` values.
    pub map: Vec<f32>,
}

/// Which run maps belong to, as far as it is known: from a stream's metadata, or from flags.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RunColumns {
    /// The run.
    pub run_id: Option<String>,
    /// Epoch of the checkpoint.
    pub checkpoint: Option<i32>,
    /// The split explained.
    pub split: Option<Split>,
    /// What was asked of the images; unknown means the conventional task.
    pub task: Option<Task>,
    /// Attribution method.
    pub attribution: Option<String>,
    /// Layer explained.
    pub layer: Option<String>,
    /// In which numbers the maps were computed: f32, tf32, bf16, another tool's.
    pub precision: Option<String>,
    /// Images a pass, which decides the last bits of a map.
    pub batch_size: Option<u32>,
}

impl RunColumns {
    fn from_metadata(metadata: &HashMap<String, String>, path: &Path) -> Result<Self> {
        let get = |key: &str| metadata.get(key).cloned();
        let parsed = |key: &'static str, found: &str, expected| Error::Metadata {
            path: path.to_owned(),
            key,
            found: found.to_owned(),
            expected,
        };
        let checkpoint = get("checkpoint")
            .map(|text| {
                text.parse()
                    .map_err(|_| parsed("checkpoint", &text, "an integer"))
            })
            .transpose()?;
        let split = get("split")
            .map(|text| {
                text.parse()
                    .map_err(|_| parsed("split", &text, "train, val or test"))
            })
            .transpose()?;
        let task = get("task")
            .map(|text| {
                text.parse()
                    .map_err(|_| parsed("task", &text, "conventional or reversed"))
            })
            .transpose()?;
        let batch_size = get("batch_size")
            .map(|text| {
                text.parse()
                    .map_err(|_| parsed("batch_size", &text, "an integer"))
            })
            .transpose()?;
        Ok(Self {
            run_id: get("run_id"),
            checkpoint,
            split,
            task,
            attribution: get("attribution"),
            layer: get("layer"),
            precision: get("precision"),
            batch_size,
        })
    }

    fn metadata(&self) -> impl Iterator<Item = (String, String)> {
        let pairs = [
            ("run_id", self.run_id.clone()),
            ("checkpoint", self.checkpoint.map(|epoch| epoch.to_string())),
            ("split", self.split.map(|split| split.to_string())),
            ("task", self.task.map(|task| task.to_string())),
            ("attribution", self.attribution.clone()),
            ("layer", self.layer.clone()),
            ("precision", self.precision.clone()),
            ("batch_size", self.batch_size.map(|size| size.to_string())),
        ];
        pairs
            .into_iter()
            .filter_map(|(key, value)| Some((key.to_owned(), value?)))
    }

    /// These, and where they are unknown, those of `other`.
    pub fn or(self, other: &Self) -> Self {
        let other = other.clone();
        Self {
            run_id: self.run_id.or(other.run_id),
            checkpoint: self.checkpoint.or(other.checkpoint),
            split: self.split.or(other.split),
            task: self.task.or(other.task),
            attribution: self.attribution.or(other.attribution),
            layer: self.layer.or(other.layer),
            precision: self.precision.or(other.precision),
            batch_size: self.batch_size.or(other.batch_size),
        }
    }
}

/// Writes maps as an Arrow IPC stream, batch by batch, so that the reader at the other end of a pipe
/// works along.
pub struct MapWriter<W: Write> {
    schema: SchemaRef,
    writer: StreamWriter<W>,
}

impl<W: Write> MapWriter<W> {
    /// Begins the stream; `columns` go into its metadata.
    ///
    /// # Errors
    /// When `sink` cannot be written to.
    pub fn new(sink: W, columns: &RunColumns) -> Result<Self> {
        let mut metadata = HashMap::from([
            (SCHEMA_KEY.to_owned(), MAPS.name.to_owned()),
            (VERSION_KEY.to_owned(), MAPS.version.to_string()),
        ]);
        metadata.extend(columns.metadata());
        let fields = MAPS.schema().fields().clone();
        let schema = Arc::new(Schema::new_with_metadata(fields, metadata));
        let writer = StreamWriter::try_new(sink, &schema).map_err(writing)?;
        Ok(Self { schema, writer })
    }

    /// Writes rows as one record batch and flushes.
    ///
    /// # Errors
    /// When the sink cannot be written to.
    ///
    /// # Panics
    /// When a map does not have height × width values.
    pub fn write(&mut self, rows: &[MapRow]) -> Result<()> {
        for row in rows {
            assert_eq!(row.map.len(), row.height * row.width, "one value per cell");
        }
        let batch = RecordBatch::try_new(self.schema.clone(), arrays(rows)).map_err(writing)?;
        self.writer.write(&batch).map_err(writing)?;
        self.writer.flush().map_err(writing)
    }

    /// Writes the stream's end and gives back the sink.
    ///
    /// # Errors
    /// When the sink cannot be written to.
    pub fn finish(self) -> Result<W> {
        self.writer.into_inner().map_err(writing)
    }
}

fn writing(source: arrow::error::ArrowError) -> Error {
    Error::MapStream { source }
}

fn arrays(rows: &[MapRow]) -> Vec<ArrayRef> {
    let bytes = |row: &MapRow| -> Vec<u8> {
        row.map
            .iter()
            .flat_map(|value| value.to_le_bytes())
            .collect()
    };
    vec![
        Arc::new(StringArray::from_iter_values(
            rows.iter().map(|row| &row.image_id),
        )),
        Arc::new(Int32Array::from_iter_values(
            rows.iter().map(|row| row.class_id),
        )),
        Arc::new(Float32Array::from_iter(rows.iter().map(|row| row.logit))),
        Arc::new(Int32Array::from_iter_values(
            rows.iter().map(|row| row.height as i32),
        )),
        Arc::new(Int32Array::from_iter_values(
            rows.iter().map(|row| row.width as i32),
        )),
        Arc::new(BinaryArray::from_iter_values(rows.iter().map(bytes))),
    ]
}
