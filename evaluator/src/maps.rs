//! Attribution maps between programs: written as an Arrow IPC stream, read as a stream, an Arrow file
//! or Parquet, from our trainer or any other tool.
//!
//! One row per (image, class): image_id utf8, class_id i32, logit f32, height i32, width i32, map
//! binary (f32 little-endian, row-major, any resolution). Reading accepts neighbouring types (large
//! and view text and bytes, other integer widths, f64 logits) and files without `logit`. Whether a
//! pair belongs to a data set is checked in `score`.

use std::collections::HashMap;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, BinaryArray, Float32Array, Int32Array, RecordBatch, StringArray,
};
use arrow::datatypes::{Schema, SchemaRef};
use arrow::ipc::writer::StreamWriter;
use data_prep::dataset::Split;
use data_prep::record::Fingerprint;
use data_prep::table::{
    Kind, SCHEMA_KEY, TableSpec, VERSION_KEY, column, conform, nullable, required,
};

use crate::columnar::{Columnar, Source};
use crate::error::{Error, Result};

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

/// What a file needs at least; `logit` is not used for scores.
const MAPS_WITHOUT_LOGIT: TableSpec = TableSpec {
    name: "maps",
    version: 1,
    columns: &[
        required("image_id", Kind::Utf8),
        required("class_id", Kind::I32),
        required("height", Kind::I32),
        required("width", Kind::I32),
        required("map", Kind::Binary),
    ],
};

/// Rows handed out at a time hold about this many bytes of maps.
const READ_BYTES: usize = 16 << 20;
/// … and are at most this many.
const READ_ROWS: usize = 512;

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
    /// Attribution method.
    pub attribution: Option<String>,
    /// Layer explained.
    pub layer: Option<String>,
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
        Ok(Self {
            run_id: get("run_id"),
            checkpoint,
            split,
            attribution: get("attribution"),
            layer: get("layer"),
        })
    }

    fn metadata(&self) -> impl Iterator<Item = (String, String)> {
        let pairs = [
            ("run_id", self.run_id.clone()),
            ("checkpoint", self.checkpoint.map(|epoch| epoch.to_string())),
            ("split", self.split.map(|split| split.to_string())),
            ("attribution", self.attribution.clone()),
            ("layer", self.layer.clone()),
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
            attribution: self.attribution.or(other.attribution),
            layer: self.layer.or(other.layer),
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
    Error::arrow(Path::new("map stream"))(source)
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

/// Reads maps in order, a bounded number at a time.
pub struct MapReader {
    file: Columnar,
    spec: &'static TableSpec,
    known: RunColumns,
    rest: Option<RecordBatch>,
    row: u64,
    fingerprint: Fingerprint,
}

impl MapReader {
    /// Opens a map file or stream and checks its columns.
    ///
    /// # Errors
    /// When it is of no known kind, a column is missing or of another type, or its metadata names
    /// another table.
    pub fn open(source: &Source) -> Result<Self> {
        let file = Columnar::open(source)?;
        file.origin.check_if_present(&file.path, &MAPS)?;
        let spec = if file.has_column("logit") {
            &MAPS
        } else {
            &MAPS_WITHOUT_LOGIT
        };
        conform(
            &file.path,
            spec,
            &RecordBatch::new_empty(file.schema.clone()),
        )?;
        let known = RunColumns::from_metadata(&file.origin.metadata, &file.path)?;
        Ok(Self {
            file,
            spec,
            known,
            rest: None,
            row: 0,
            fingerprint: Fingerprint::default(),
        })
    }

    /// The run columns in the file's metadata.
    pub fn run_columns(&self) -> &RunColumns {
        &self.known
    }

    /// SHA-256 of the rows read so far.
    pub fn fingerprint(&self) -> String {
        self.fingerprint.hex()
    }

    /// The next rows, some megabytes at most; none at the end.
    ///
    /// # Errors
    /// When the file is broken, or a row's map is not height × width finite values.
    pub fn next_rows(&mut self) -> Result<Vec<MapRow>> {
        let mut rows = Vec::new();
        let mut bytes = 0;
        while rows.len() < READ_ROWS && bytes < READ_BYTES {
            let Some(batch) = self.next_row_batch()? else {
                break;
            };
            let row = self.parse(&batch)?;
            bytes += row.map.len() * size_of::<f32>();
            rows.push(row);
            self.row += 1;
        }
        Ok(rows)
    }

    /// One row as a batch of exactly the documented columns.
    fn next_row_batch(&mut self) -> Result<Option<RecordBatch>> {
        let batch = loop {
            match self.rest.take().filter(|batch| batch.num_rows() > 0) {
                Some(batch) => break batch,
                None => match self.file.next_batch()? {
                    Some(batch) => self.rest = Some(batch),
                    None => return Ok(None),
                },
            }
        };
        let first = batch.slice(0, 1);
        self.rest = Some(batch.slice(1, batch.num_rows() - 1));
        Ok(Some(conform(&self.file.path, self.spec, &first)?))
    }

    fn parse(&mut self, batch: &RecordBatch) -> Result<MapRow> {
        let image_id = column::<StringArray>(batch, "image_id").value(0).to_owned();
        let class_id = column::<Int32Array>(batch, "class_id").value(0);
        let bytes = column::<BinaryArray>(batch, "map").value(0);
        let side = |name: &'static str| {
            let value = column::<Int32Array>(batch, name).value(0);
            usize::try_from(value)
                .ok()
                .filter(|&value| value > 0)
                .ok_or_else(|| self.wrong(name, value.to_string(), "at least 1".to_owned()))
        };
        let (height, width) = (side("height")?, side("width")?);
        if height
            .checked_mul(width)
            .and_then(|cells| cells.checked_mul(4))
            != Some(bytes.len())
        {
            let found = format!(
                "{} bytes for image {image_id} class {class_id}",
                bytes.len()
            );
            let expected = format!("4·{height}·{width}, f32 values of height × width");
            return Err(self.wrong("map", found, expected));
        }
        let map: Vec<f32> = bytes
            .as_chunks::<4>()
            .0
            .iter()
            .map(|&bytes| f32::from_le_bytes(bytes))
            .collect();
        if let Some(i) = map.iter().position(|value| !value.is_finite()) {
            let (y, x) = (i / width, i % width);
            let found = format!(
                "{} at ({y}, {x}) of image {image_id} class {class_id}",
                map[i]
            );
            return Err(self.wrong("map", found, "finite values".to_owned()));
        }
        let logit = batch
            .column_by_name("logit")
            .and_then(|array| array.as_any().downcast_ref::<Float32Array>())
            .filter(|array| array.is_valid(0))
            .map(|array| array.value(0));
        if let Some(logit) = logit.filter(|logit| !logit.is_finite()) {
            let found = format!("{logit} for image {image_id} class {class_id}");
            return Err(self.wrong("logit", found, "a finite value".to_owned()));
        }
        let name = format!("{image_id} {class_id} {height}x{width}");
        self.fingerprint.add(&name, bytes);
        Ok(MapRow {
            image_id,
            class_id,
            logit,
            height,
            width,
            map,
        })
    }

    fn wrong(&self, field: &'static str, found: String, expected: String) -> Error {
        Error::Row {
            path: self.file.path.clone(),
            row: self.row,
            field,
            found,
            expected,
        }
    }
}
