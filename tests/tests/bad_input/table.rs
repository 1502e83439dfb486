//! Reads a table that the programs stored (Parquet or Arrow), changes it and writes it again. Also lists the rows in
//! which two tables differ.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::sync::Arc;

use arrow::array::{Array, AsArray, new_null_array};
use arrow::array::{ArrayRef, BinaryArray, RecordBatch, StringArray, UInt32Array};
use arrow::compute::{cast, concat, concat_batches, take_record_batch};
use arrow::datatypes::{DataType, Field, Schema};
use arrow::ipc::reader::{FileReader, StreamReader};
use arrow::ipc::writer::{FileWriter, StreamWriter};
use arrow::util::display::{ArrayFormatter, FormatOptions};
use parquet::arrow::ArrowWriter;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;
use serde::Deserialize;

/// How a table is stored.
#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// Parquet file.
    Parquet,
    /// Arrow IPC stream.
    Stream,
    /// Arrow IPC file.
    File,
}

/// A table in memory.
pub struct Table {
    /// The format in which it was read and will be written.
    pub format: Format,
    metadata: BTreeMap<String, String>,
    /// Names and values, in order.
    columns: Vec<(String, ArrayRef)>,
}

impl Table {
    /// Reads a table; its first bytes tell the format.
    pub fn read(path: &Path) -> Self {
        let bytes = fs_err::read(path).unwrap();
        let (format, metadata, rows) = if bytes.starts_with(b"PAR1") {
            let table = tests::tables::read(path).unwrap();
            let mut metadata = table.metadata;
            metadata.remove("ARROW:schema"); // the writer adds it again
            (Format::Parquet, metadata, table.rows)
        } else if bytes.starts_with(b"ARROW1") {
            let reader = FileReader::try_new(std::io::Cursor::new(bytes), None).unwrap();
            let schema = reader.schema();
            let batches: Vec<RecordBatch> = reader.map(Result::unwrap).collect();
            let rows = concat_batches(&schema, &batches).unwrap();
            (Format::File, schema.metadata().clone().into(), rows)
        } else {
            let reader = StreamReader::try_new(&bytes[..], None).unwrap();
            let schema = reader.schema();
            let batches: Vec<RecordBatch> = reader.map(Result::unwrap).collect();
            let rows = concat_batches(&schema, &batches).unwrap();
            (Format::Stream, schema.metadata().clone().into(), rows)
        };
        let schema = rows.schema();
        let names = schema.fields().iter().map(|field| field.name().clone());
        Self {
            format,
            metadata: metadata.into_iter().collect(),
            columns: names.zip(rows.columns().iter().cloned()).collect(),
        }
    }

    /// Returns the table as a file's bytes.
    pub fn bytes(&self) -> Vec<u8> {
        let fields: Vec<Field> = self
            .columns
            .iter()
            .map(|(name, array)| {
                Field::new(name, array.data_type().clone(), array.null_count() > 0)
            })
            .collect();
        let metadata: HashMap<String, String> = self.metadata.clone().into_iter().collect();
        let schema = Arc::new(Schema::new(fields).with_metadata(metadata));
        let arrays = self.columns.iter().map(|(_, array)| array.clone());
        let rows = RecordBatch::try_new(schema.clone(), arrays.collect()).unwrap();
        match self.format {
            Format::Parquet => {
                let pairs = self.metadata.iter();
                let pairs = pairs.map(|(key, value)| KeyValue::new(key.clone(), value.clone()));
                let properties = WriterProperties::builder()
                    .set_key_value_metadata(Some(pairs.collect()))
                    .build();
                let mut writer =
                    ArrowWriter::try_new(Vec::new(), schema, Some(properties)).unwrap();
                writer.write(&rows).unwrap();
                writer.into_inner().unwrap()
            }
            Format::Stream => {
                let mut writer = StreamWriter::try_new(Vec::new(), &schema).unwrap();
                writer.write(&rows).unwrap();
                writer.into_inner().unwrap()
            }
            Format::File => {
                let mut writer = FileWriter::try_new(Vec::new(), &schema).unwrap();
                writer.write(&rows).unwrap();
                writer.into_inner().unwrap()
            }
        }
    }

    /// Returns a column, or the error that there is none of this name.
    fn column(&mut self, name: &str) -> Result<&mut (String, ArrayRef), String> {
        let found = self.columns.iter_mut().find(|(known, _)| known == name);
        found.ok_or_else(|| format!("no column {name}"))
    }

    /// Removes a column.
    pub fn drop(&mut self, name: &str) -> Result<(), String> {
        self.column(name)?;
        self.columns.retain(|(known, _)| known != name);
        Ok(())
    }

    /// Renames a column.
    pub fn rename(&mut self, from: &str, to: &str) -> Result<(), String> {
        self.column(from)?.0 = to.to_owned();
        Ok(())
    }

    /// Replaces the values of a column by zeros of the type `kind` (`i32`, `utf8`, …, as in `schemas.toml`).
    pub fn retype(&mut self, name: &str, kind: &str) -> Result<(), String> {
        let kind = match kind {
            "utf8" => DataType::Utf8,
            "bool" => DataType::Boolean,
            "i32" => DataType::Int32,
            "i64" => DataType::Int64,
            "f32" => DataType::Float32,
            "f64" => DataType::Float64,
            other => return Err(format!("no type {other}")),
        };
        let column = self.column(name)?;
        let zeros: ArrayRef = Arc::new(UInt32Array::from(vec![0; column.1.len()]));
        column.1 = cast(&zeros, &kind).unwrap();
        Ok(())
    }

    /// Sets a column's value in one row; `None` sets it to null. Bytes are given in hexadecimal.
    pub fn set(&mut self, name: &str, row: usize, value: Option<&String>) -> Result<(), String> {
        let column = self.column(name)?;
        let old = &column.1;
        if row >= old.len() {
            return Err(format!("{name} has no row {row}"));
        }
        let kind = old.data_type();
        let new: ArrayRef = match (value, kind) {
            (None, kind) => new_null_array(kind, 1),
            (Some(hex), DataType::Binary) => {
                let digits = hex.as_bytes().chunks(2);
                let bytes = digits.map(|two| {
                    let two = std::str::from_utf8(two).unwrap();
                    u8::from_str_radix(two, 16).unwrap()
                });
                Arc::new(BinaryArray::from_vec(vec![&bytes.collect::<Vec<u8>>()]))
            }
            (Some(text), kind) => {
                let text: ArrayRef = Arc::new(StringArray::from(vec![text.as_str()]));
                cast(&text, kind).unwrap()
            }
        };
        if value.is_some() && new.null_count() > 0 {
            return Err(format!("{value:?} is no {kind}"));
        }
        let rest = row + 1;
        let parts = [old.slice(0, row), new, old.slice(rest, old.len() - rest)];
        column.1 = concat(&parts.each_ref().map(|part| part.as_ref())).unwrap();
        Ok(())
    }

    /// Keeps the rows with these indices, in this order.
    pub fn take(&mut self, rows: &[u32]) -> Result<(), String> {
        let rows = UInt32Array::from(rows.to_vec());
        for (name, array) in &mut self.columns {
            let batch = RecordBatch::try_from_iter([(name.as_str(), array.clone())]).unwrap();
            let taken = take_record_batch(&batch, &rows).map_err(|error| error.to_string())?;
            *array = taken.column(0).clone();
        }
        Ok(())
    }

    /// Sets a metadata key; `None` removes it.
    pub fn tell(&mut self, key: &str, value: Option<&String>) -> Result<(), String> {
        match value {
            Some(value) => drop(self.metadata.insert(key.to_owned(), value.clone())),
            None => drop(
                self.metadata
                    .remove(key)
                    .ok_or_else(|| format!("no metadata {key}"))?,
            ),
        }
        Ok(())
    }
}

/// Returns how a table in the folder `changed` differs from the one in `valid`: first the rows that only
/// `valid` has (`- `), then those that only `changed` has (`+ `). `spec` is `name: column column …`, or
/// `name of metric: column …` for the rows of one metric.
pub fn difference(spec: &str, valid: &Path, changed: &Path) -> Result<Vec<String>, String> {
    let (name, columns) = spec
        .split_once(": ")
        .ok_or("table: expected `name: column …`")?;
    let columns: Vec<&str> = columns.split(' ').collect();
    let (name, metric) = match name.split_once(" of ") {
        Some((name, metric)) => (name, Some(metric)),
        None => (name, None),
    };
    let file = format!("{name}.parquet");
    let before = lines(&valid.join(&file), metric, &columns)?;
    let mut came = lines(&changed.join(&file), metric, &columns)?;
    let mut found = Vec::new();
    for row in before {
        match came.iter().position(|other| *other == row) {
            Some(same) => drop(came.remove(same)),
            None => found.push(format!("- {row}")),
        }
    }
    found.extend(came.iter().map(|row| format!("+ {row}")));
    Ok(found)
}

/// Returns the rows of a table as text, with the cells of `columns` joined by spaces; only rows of `metric`, if given.
fn lines(path: &Path, metric: Option<&str>, columns: &[&str]) -> Result<Vec<String>, String> {
    let rows = tests::tables::read(path)
        .map_err(|error| error.to_string())?
        .rows;
    let mut cells = Vec::new();
    for column in columns {
        let array = rows
            .column_by_name(column)
            .ok_or(format!("no column {column}"))?;
        cells.push(array.clone());
    }
    let options = FormatOptions::default().with_null("–");
    let shown: Vec<ArrayFormatter> = cells
        .iter()
        .map(|array| ArrayFormatter::try_new(array, &options).unwrap())
        .collect();
    let line = |row: usize| {
        let cells = shown.iter().map(|cells| cells.value(row).to_string());
        cells.collect::<Vec<_>>().join(" ")
    };
    let is_shown = |&row: &usize| {
        let Some(metric) = metric else { return true };
        rows["metric"].as_string::<i32>().value(row) == metric
    };
    Ok((0..rows.num_rows()).filter(is_shown).map(line).collect())
}
