//! Writes attribution maps as an Arrow IPC stream: `trainer explain` pipes them to `evaluator score` or to a file.

use std::collections::HashMap;
use std::io::Write;
use std::sync::Arc;

use arrow::array::{ArrayRef, BinaryArray, Float32Array, Int32Array, RecordBatch, StringArray};
use arrow::datatypes::{Schema, SchemaRef};
use arrow::ipc::writer::StreamWriter;
use data_prep::table::{SCHEMA_KEY, VERSION_KEY};

use super::row::{MAPS, MapRow};
use super::run_columns::RunColumns;
use crate::error::{Error, Result};

/// Writes maps as an Arrow IPC stream, batch by batch, so that a reader at the other end of a pipe can
/// work at the same time.
pub struct MapWriter<W: Write> {
    schema: SchemaRef,
    writer: StreamWriter<W>,
}

impl<W: Write> MapWriter<W> {
    /// Begins the stream, with `columns` in its metadata.
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
        let batch = RecordBatch::try_new(self.schema.clone(), arrays(rows)).map_err(writing)?;
        self.writer.write(&batch).map_err(writing)?;
        self.writer.flush().map_err(writing)
    }

    /// Writes the stream's end and returns the sink.
    ///
    /// # Errors
    /// When the sink cannot be written to.
    pub fn finish(self) -> Result<W> {
        self.writer.into_inner().map_err(writing)
    }
}

/// Turns arrow's error into ours.
fn writing(source: arrow::error::ArrowError) -> Error {
    Error::MapStream { source }
}

/// Returns the columns of a record batch.
///
/// # Panics
/// When a map does not have height × width values.
pub(super) fn arrays(rows: &[MapRow]) -> Vec<ArrayRef> {
    for row in rows {
        assert_eq!(row.map.len(), row.height * row.width, "one value per cell");
    }
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
