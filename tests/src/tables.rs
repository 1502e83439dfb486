//! Reads Parquet tables with the plain Arrow reader and checks them against the declared columns in
//! `data-prep/schemas.toml`: names, types, nulls, and the metadata that every table carries.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use anyhow::{Context, Result, ensure};
use arrow::array::{Array, RecordBatch};
use arrow::compute::concat_batches;
use arrow::datatypes::DataType;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde::Deserialize;

/// A column as `schemas.toml` declares it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// `utf8`, `i32`, `i64`, `f32`, `f64`, `bool` or `binary`.
    pub kind: String,
    /// Whether it may hold nulls.
    pub is_nullable: bool,
}

/// A table as `schemas.toml` declares it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schema {
    /// The version of the table's columns, which its files carry as `guidance.version`.
    pub version: u32,
    /// Its columns, in order.
    pub columns: Vec<Column>,
}

/// A table in `schemas.toml`, as deserialized: each column is the text "name type meaning".
#[derive(Deserialize)]
struct Declared {
    version: u32,
    columns: Vec<String>,
}

/// Reads the declared tables, by name.
///
/// # Errors
/// A file that cannot be read, or a column that is not "name type meaning".
pub fn schemas() -> Result<BTreeMap<String, Schema>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../data-prep/schemas.toml");
    let tables: BTreeMap<String, Declared> = toml::from_str(&fs_err::read_to_string(&path)?)?;
    let column = |entry: &String| {
        let (name, rest) = entry.split_once(' ').with_context(|| {
            format!("{}: found {entry}, expected \"name type\"", path.display())
        })?;
        let kind = rest.split(' ').next().unwrap_or_default();
        Ok(Column {
            name: name.to_owned(),
            kind: kind.trim_end_matches('?').to_owned(),
            is_nullable: kind.ends_with('?'),
        })
    };
    tables
        .into_iter()
        .map(|(name, Declared { version, columns })| {
            let columns = columns.iter().map(column).collect::<Result<_>>()?;
            Ok((name, Schema { version, columns }))
        })
        .collect()
}

/// A Parquet file's rows and its key-value metadata.
#[derive(Debug)]
pub struct Table {
    /// All rows.
    pub rows: RecordBatch,
    /// The footer's key-value metadata.
    pub metadata: HashMap<String, String>,
}

/// Reads a Parquet file.
///
/// # Errors
/// Anything that is not one.
pub fn read(path: &Path) -> Result<Table> {
    let reader = ParquetRecordBatchReaderBuilder::try_new(fs_err::File::open(path)?.into_file())
        .with_context(|| path.display().to_string())?;
    let pairs = reader.metadata().file_metadata().key_value_metadata();
    let metadata = pairs
        .into_iter()
        .flatten()
        .map(|pair| (pair.key.clone(), pair.value.clone().unwrap_or_default()))
        .collect();
    let schema = reader.schema().clone();
    let batches: Vec<RecordBatch> = reader.build()?.collect::<Result<_, _>>()?;
    Ok(Table {
        rows: concat_batches(&schema, &batches)?,
        metadata,
    })
}

impl Table {
    /// Checks that the file is the table `name` as `schema` declares it: its metadata, its columns in order, their
    /// types, and no null in a column that is not declared nullable.
    ///
    /// # Errors
    /// The first thing that differs.
    pub fn check(&self, name: &str, schema: &Schema) -> Result<()> {
        let said = |key: &str| self.metadata.get(key).map_or("", String::as_str);
        ensure!(
            said("guidance.schema") == name,
            "guidance.schema: {}",
            said("guidance.schema")
        );
        ensure!(
            said("guidance.version") == schema.version.to_string(),
            "guidance.version: {}",
            said("guidance.version")
        );
        let program = said("guidance.program");
        ensure!(
            program
                .split_once(' ')
                .is_some_and(|(_, version)| version.starts_with(char::is_numeric)),
            "guidance.program: found {program:?}, expected e.g. trainer 0.1.0"
        );
        let inputs = said("guidance.inputs");
        ensure!(
            inputs.len() == 64 && inputs.chars().all(|c| c.is_ascii_hexdigit()),
            "guidance.inputs: found {inputs:?}, expected a SHA-256 in hex"
        );
        let columns = &schema.columns;
        let fields = self.rows.schema();
        let found: Vec<&str> = fields.fields().iter().map(|f| f.name().as_str()).collect();
        let expected: Vec<&str> = columns.iter().map(|column| column.name.as_str()).collect();
        ensure!(
            found == expected,
            "columns: found {found:?}, expected {expected:?}"
        );
        for (column, cells) in columns.iter().zip(self.rows.columns()) {
            let (found, n_null) = (kind(cells.data_type()), cells.null_count());
            ensure!(
                found == column.kind,
                "{}: found {found}, expected {}",
                column.name,
                column.kind
            );
            ensure!(
                column.is_nullable || n_null == 0,
                "{}: found {n_null} nulls, expected none",
                column.name
            );
        }
        Ok(())
    }
}

/// Returns the name that `schemas.toml` has for an Arrow type; Arrow's own name where it has none.
fn kind(found: &DataType) -> String {
    match found {
        // Polars writes `Utf8View` and `BinaryView`, which readers treat as the same text and bytes.
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => "utf8".to_owned(),
        DataType::Binary | DataType::LargeBinary | DataType::BinaryView => "binary".to_owned(),
        DataType::Int32 => "i32".to_owned(),
        DataType::Int64 => "i64".to_owned(),
        DataType::Float32 => "f32".to_owned(),
        DataType::Float64 => "f64".to_owned(),
        DataType::Boolean => "bool".to_owned(),
        other => other.to_string(),
    }
}
