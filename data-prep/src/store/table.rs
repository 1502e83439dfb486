//! Writes and reads Parquet tables with a named, versioned schema and their provenance (ARCHITECTURE.md,
//! invariant 7).
//!
//! `schemas.toml` declares the tables of all stages. Any of them is written whole, and read with its name,
//! version and columns checked.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};

use arrow::array::{Array, ArrayRef, RecordBatch};
use arrow::compute::{cast, concat_batches};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow::error::ArrowError;
use arrow::util::display::array_value_to_string;
use parquet::arrow::ArrowWriter;
use parquet::basic::Compression;
use parquet::errors::ParquetError;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;
use serde::Deserialize;

use crate::error::{Error, Problem, Result, unreadable};
use crate::foreign;
use crate::store::atomic::Pending;
use crate::store::former::FormerVersion;
use crate::store::pages;

/// Metadata key of the table's name.
pub const SCHEMA_KEY: &str = "guidance.schema";
/// Metadata key of the schema's version.
pub const VERSION_KEY: &str = "guidance.version";
/// Metadata key of the program that wrote the table.
pub const PROGRAM_KEY: &str = "guidance.program";
/// Metadata key of the hash of what the table was made from.
pub const INPUTS_KEY: &str = "guidance.inputs";

/// A column's type: one of the plain ones that every reader of Parquet knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Text.
    Utf8,
    /// True or false.
    Bool,
    /// 32-bit integer.
    I32,
    /// 64-bit integer.
    I64,
    /// 32-bit float.
    F32,
    /// 64-bit float.
    F64,
    /// Bytes.
    Binary,
}

impl Kind {
    fn arrow(self) -> DataType {
        match self {
            Self::Utf8 => DataType::Utf8,
            Self::Bool => DataType::Boolean,
            Self::I32 => DataType::Int32,
            Self::I64 => DataType::Int64,
            Self::F32 => DataType::Float32,
            Self::F64 => DataType::Float64,
            Self::Binary => DataType::Binary,
        }
    }

    /// Returns words for the values that a cell may have: an integer's range, or the type's name.
    fn range(self) -> String {
        match self {
            Self::I32 => format!("{} to {}", i32::MIN, i32::MAX),
            Self::I64 => format!("{} to {}", i64::MIN, i64::MAX),
            _ => format!("a value of type {}", self.arrow()),
        }
    }
}

/// One column of a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Column {
    /// Its name.
    pub name: &'static str,
    /// Its type.
    pub kind: Kind,
    /// Whether cells may be null (`?` in docs/schemas.md).
    pub nullable: bool,
}

impl Column {
    /// A column as `schemas.toml` has it, "name type meaning".
    fn declared(entry: &'static str) -> Self {
        let mut words = entry.split(' ');
        let (name, kind) = (words.next(), words.next());
        let kind = kind.unwrap_or_default();
        let plain = match kind.trim_end_matches('?') {
            "utf8" => Kind::Utf8,
            "bool" => Kind::Bool,
            "i32" => Kind::I32,
            "i64" => Kind::I64,
            "f32" => Kind::F32,
            "f64" => Kind::F64,
            "binary" => Kind::Binary,
            _ => panic!("data-prep/schemas.toml: found {entry}, expected \"name type meaning\""),
        };
        Self {
            name: name.unwrap_or_default(),
            kind: plain,
            nullable: kind.ends_with('?'),
        }
    }
}

/// The tables of `schemas.toml`.
static DECLARED: LazyLock<Vec<TableSpec>> = LazyLock::new(|| {
    #[derive(Deserialize)]
    struct Declared {
        version: u32,
        made_by: &'static str,
        #[serde(borrow)]
        columns: Vec<&'static str>,
        former: Option<u32>,
        #[serde(borrow, default)]
        lacks: Vec<&'static str>,
    }
    let text = include_str!("../../schemas.toml");
    let tables: BTreeMap<&'static str, Declared> = match toml::from_str(text) {
        Ok(tables) => tables,
        Err(error) => panic!("data-prep/schemas.toml: {error}"),
    };
    let tables = tables.into_iter().map(|(name, table)| TableSpec {
        name,
        version: table.version,
        made_by: table.made_by,
        columns: table.columns.into_iter().map(Column::declared).collect(),
        former: table
            .former
            .map(|version| FormerVersion::declared(version, &table.lacks)),
    });
    tables.collect()
});

/// A table's name, version and columns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableSpec {
    /// Name, as in docs/schemas.md (`images`, `scores`, …).
    pub name: &'static str,
    /// Version of the columns; readers refuse any other version but that of `former`.
    pub version: u32,
    /// The command that makes the table, shown to a user whose table has another version.
    pub made_by: &'static str,
    /// The columns, in order.
    pub columns: Vec<Column>,
    /// The previous version, where it can be read, too.
    pub former: Option<FormerVersion>,
}

impl TableSpec {
    /// The table `name` of `schemas.toml`.
    ///
    /// # Panics
    /// When it is not declared there, or not as the head of that file says.
    pub fn declared(name: &str) -> Self {
        match DECLARED.iter().find(|table| table.name == name) {
            Some(table) => table.clone(),
            None => panic!("{name} is not a table of data-prep/schemas.toml"),
        }
    }

    /// The same table with the columns `names` alone.
    ///
    /// # Panics
    /// When it has no such column.
    pub fn part(&self, names: &[&str]) -> Self {
        let column = |name: &&str| match self.columns.iter().find(|column| column.name == *name) {
            Some(column) => *column,
            None => panic!("{} has no column {name}", self.name),
        };
        Self {
            columns: names.iter().map(column).collect(),
            ..self.clone()
        }
    }

    /// The Arrow schema, without metadata.
    pub fn schema(&self) -> SchemaRef {
        let fields: Vec<Field> = self
            .columns
            .iter()
            .map(|column| Field::new(column.name, column.kind.arrow(), column.nullable))
            .collect();
        Arc::new(Schema::new(fields))
    }

    /// Rows from one array per column, in the order of `columns`.
    ///
    /// # Errors
    /// When number, type, length or nulls do not fit.
    pub fn batch(&self, arrays: Vec<ArrayRef>) -> Result<RecordBatch> {
        RecordBatch::try_new(self.schema(), arrays).map_err(|source| Error::Arrow {
            path: PathBuf::from(self.name),
            source,
        })
    }
}

/// The provenance of a table to be written: the program, and the hash of what the table is made from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Provenance {
    /// Program and version, e.g. `data-prep 0.1.0`.
    pub program: String,
    /// SHA-256 in hexadecimal of what the table is made from.
    pub inputs: String,
    /// Further keys for this table's metadata (e.g. `guidance.dataset`).
    pub extra: Vec<(String, String)>,
}

impl Provenance {
    /// Provenance without further keys.
    pub fn new(program: impl Into<String>, inputs: impl Into<String>) -> Self {
        Self {
            program: program.into(),
            inputs: inputs.into(),
            extra: Vec::new(),
        }
    }

    /// With one further metadata key.
    pub fn with(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.extra.push((key.into(), value.into()));
        self
    }

    /// The key-value metadata of a table `spec`.
    pub fn metadata(&self, spec: &TableSpec) -> Vec<(String, String)> {
        let mut pairs = vec![
            (SCHEMA_KEY.to_owned(), spec.name.to_owned()),
            (VERSION_KEY.to_owned(), spec.version.to_string()),
            (PROGRAM_KEY.to_owned(), self.program.clone()),
            (INPUTS_KEY.to_owned(), self.inputs.clone()),
        ];
        pairs.extend(self.extra.iter().cloned());
        pairs
    }
}

/// The metadata a table was read with.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Origin {
    /// All key-value pairs of the file.
    pub metadata: HashMap<String, String>,
}

impl Origin {
    /// One value.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.metadata.get(key).map(String::as_str)
    }

    /// The table's name, where the file says it.
    pub fn schema(&self) -> Option<&str> {
        self.get(SCHEMA_KEY)
    }

    /// The provenance hash, where the file has one.
    pub fn inputs(&self) -> Option<&str> {
        self.get(INPUTS_KEY)
    }

    /// The program that wrote it, where the file says it.
    pub fn program(&self) -> Option<&str> {
        self.get(PROGRAM_KEY)
    }

    /// Refuses a wrong or missing table name or version.
    ///
    /// # Errors
    /// A [`Problem`] that names `path` and the metadata key; for a version [`Error::Version`], which
    /// says how to make the table again.
    pub fn check(&self, path: &Path, spec: &TableSpec) -> Result<()> {
        self.expect(path, SCHEMA_KEY, spec.name)?;
        if self.former(spec).is_some() {
            return Ok(());
        }
        let problem = match self.expect(path, VERSION_KEY, &spec.version.to_string()) {
            Ok(()) => return Ok(()),
            Err(problem) => problem,
        };
        Err(Error::Version {
            problem,
            command: spec.made_by,
        })
    }

    /// Like [`Origin::check`], but a file of another tool, which has no such keys, passes.
    ///
    /// # Errors
    /// A [`Problem`] when a key is there with another value.
    pub fn check_if_present(&self, path: &Path, spec: &TableSpec) -> Result<()> {
        if self.get(SCHEMA_KEY).is_some() {
            self.check(path, spec)?;
        }
        Ok(())
    }

    /// The previous version of `spec`, if that is the file's version.
    fn former<'a>(&self, spec: &'a TableSpec) -> Option<&'a FormerVersion> {
        let found = self.get(VERSION_KEY)?;
        let former = spec.former.as_ref();
        former.filter(|former| found == former.version.to_string())
    }

    fn expect(&self, path: &Path, key: &str, expected: &str) -> Result<(), Problem> {
        match self.get(key) {
            Some(found) if found == expected => Ok(()),
            found => Err(Problem::new(
                path,
                key,
                found.unwrap_or("nothing"),
                expected,
            )),
        }
    }
}

/// The most bytes of rows that are kept in memory before they are written as a row group of the file: 64 MiB,
/// chosen. Tables with attribution maps would otherwise be held whole.
const ROW_GROUP: usize = 64 << 20;

/// Writes a table batch by batch; the file appears at [`TableWriter::finish`].
pub struct TableWriter {
    path: PathBuf,
    writer: ArrowWriter<Pending>,
}

impl TableWriter {
    /// Begins the table `spec` at `path`.
    ///
    /// # Errors
    /// When no file can be created there.
    pub fn create(
        path: impl AsRef<Path>,
        spec: &TableSpec,
        provenance: &Provenance,
    ) -> Result<Self> {
        let path = path.as_ref();
        let pairs = provenance.metadata(spec);
        // Twice: pyarrow shows the Arrow schema's metadata, other readers the file's.
        let metadata: HashMap<String, String> = pairs.iter().cloned().collect();
        let schema = Schema::clone(&spec.schema()).with_metadata(metadata);
        let metadata = pairs
            .into_iter()
            .map(|(key, value)| KeyValue::new(key, value))
            .collect();
        let properties = WriterProperties::builder()
            .set_compression(Compression::SNAPPY)
            .set_max_row_group_bytes(Some(ROW_GROUP))
            .set_key_value_metadata(Some(metadata))
            .build();
        let writer =
            ArrowWriter::try_new(Pending::create(path)?, Arc::new(schema), Some(properties))
                .map_err(Error::parquet(path))?;
        Ok(Self {
            path: path.to_owned(),
            writer,
        })
    }

    /// Adds rows.
    ///
    /// # Errors
    /// When the columns are not the table's or the disk is full.
    pub fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        self.writer.write(batch).map_err(Error::parquet(&self.path))
    }

    /// Ends the table and gives the file its name.
    ///
    /// # Errors
    /// When the disk is full or the rename is refused.
    pub fn finish(self) -> Result<()> {
        let pending = self
            .writer
            .into_inner()
            .map_err(Error::parquet(&self.path))?;
        Ok(pending.commit()?)
    }
}

/// Writes a whole table.
///
/// # Errors
/// Those of [`TableWriter`].
pub fn write_table(
    path: impl AsRef<Path>,
    spec: &TableSpec,
    provenance: &Provenance,
    batch: &RecordBatch,
) -> Result<()> {
    let mut writer = TableWriter::create(path, spec, provenance)?;
    writer.write(batch)?;
    writer.finish()
}

/// Reads a whole table of ours: name and version must be in the metadata, the columns must fit.
///
/// # Errors
/// Those of [`read_any_table`], and a [`Problem`] for a wrong name or version.
pub fn read_table(path: impl AsRef<Path>, spec: &TableSpec) -> Result<(Origin, RecordBatch)> {
    read_checked(path.as_ref(), spec, Origin::check)
}

/// Reads a whole table that another tool may have written: missing metadata is accepted, and columns
/// of a neighbouring type (large or dictionary-encoded text, another width of integers or floats) are
/// converted. Columns that the table does not have are left out.
///
/// # Errors
/// When the file cannot be read as Parquet, or a column is missing, of another type, or has nulls
/// where the table has none.
pub fn read_any_table(path: impl AsRef<Path>, spec: &TableSpec) -> Result<(Origin, RecordBatch)> {
    read_checked(path.as_ref(), spec, Origin::check_if_present)
}

fn read_checked(
    path: &Path,
    spec: &TableSpec,
    check: fn(&Origin, &Path, &TableSpec) -> Result<()>,
) -> Result<(Origin, RecordBatch)> {
    let file = fs_err::File::open(path).map_err(|error| {
        let expected = format!("the table {}", spec.name);
        Problem::new(path, "file", unreadable(&error), expected)
    })?;
    let broken = |found: String| Problem::new(path, "contents", found, "a whole Parquet file");
    let file = file.into_parts().0;
    let builder = foreign::read(|| pages::open(file), ParquetError::General);
    let builder = builder.map_err(|error| broken(error.to_string()))?;
    let mut origin = Origin::default();
    if let Some(pairs) = builder.metadata().file_metadata().key_value_metadata() {
        for pair in pairs {
            if let Some(value) = &pair.value {
                origin.metadata.insert(pair.key.clone(), value.clone());
            }
        }
    }
    check(&origin, path, spec)?;
    let stored = builder.schema().clone();
    let batches = foreign::read(
        || builder.build()?.collect::<Result<Vec<_>, _>>(),
        ArrowError::ParseError,
    );
    let batches = batches.map_err(|error| broken(error.to_string()))?;
    let stored = batches.first().map_or(stored, RecordBatch::schema);
    let whole = concat_batches(&stored, &batches).map_err(Error::arrow(path))?;
    let whole = match origin.former(spec) {
        Some(former) => former
            .completed(&whole, &spec.schema())
            .map_err(Error::arrow(path))?,
        None => whole,
    };
    Ok((origin, conform_rows(path, spec, &whole, "")?))
}

/// Returns `batch`, read from `path`, with exactly the columns of `spec`, converted to their types. A float
/// of 64 bits is rounded where the table has 32.
///
/// # Errors
/// A [`Problem`] for a column that is missing, of another kind (text for a number), has an integer too
/// large for its type, or a null where the table has none.
pub fn conform(path: &Path, spec: &TableSpec, batch: &RecordBatch) -> Result<RecordBatch> {
    conform_rows(path, spec, batch, " of its record batch")
}

/// Does what [`conform`] says. `of` follows a row's number (from 0) in messages: empty if rows are counted in the
/// whole table, else what they are counted in.
fn conform_rows(
    path: &Path,
    spec: &TableSpec,
    batch: &RecordBatch,
    of: &str,
) -> Result<RecordBatch> {
    let mut arrays = Vec::with_capacity(spec.columns.len());
    for column in &spec.columns {
        let wanted = column.kind.arrow();
        let expected = format!("a column of type {wanted}");
        let Some(array) = batch.column_by_name(column.name) else {
            return Err(Problem::new(path, column.name, "no such column", expected).into());
        };
        let found = array.data_type().to_string();
        let mismatch = || Problem::new(path, column.name, found.as_str(), expected.as_str());
        if !same_family(array.data_type(), column.kind) {
            return Err(mismatch().into());
        }
        // Checked before conversion: a column that has only nulls may declare any length in a file of few bytes.
        let nulls = array.logical_null_count();
        if nulls > 0 && !column.nullable {
            let found = format!("{nulls} nulls");
            return Err(Problem::new(path, column.name, found, "no nulls").into());
        }
        let array = if array.data_type() == &wanted {
            array.clone()
        } else {
            let converted = cast(array, &wanted).map_err(|_| mismatch())?;
            if let Some(row) = first_lost(array, &converted) {
                let value = array_value_to_string(array, row).map_err(Error::arrow(path))?;
                let found = format!("{value} in row {row}{of}");
                return Err(Problem::new(path, column.name, found, column.kind.range()).into());
            }
            converted
        };
        arrays.push(array);
    }
    RecordBatch::try_new(spec.schema(), arrays).map_err(Error::arrow(path))
}

/// Returns the first row whose value was lost by the conversion from `array` to `converted`: `cast` turns an
/// integer that is too large for the new type into null. `None` where no value was lost.
fn first_lost(array: &dyn Array, converted: &dyn Array) -> Option<usize> {
    let after = converted.logical_nulls()?;
    let before = array.logical_nulls();
    let had_value = |row| before.as_ref().is_none_or(|nulls| nulls.is_valid(row));
    (0..array.len()).find(|&row| after.is_null(row) && had_value(row))
}

/// Whether a column of type `stored` may be converted to `kind`: text, bytes, integers and floats of any
/// width, but none of them to another.
fn same_family(stored: &DataType, kind: Kind) -> bool {
    if let DataType::Dictionary(_, values) = stored {
        return same_family(values, kind);
    }
    // Other tools write a column that has only nulls without a type.
    if stored == &DataType::Null {
        return true;
    }
    match kind {
        Kind::Utf8 => matches!(
            stored,
            DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View
        ),
        Kind::Binary => matches!(
            stored,
            DataType::Binary
                | DataType::LargeBinary
                | DataType::BinaryView
                | DataType::FixedSizeBinary(_)
        ),
        Kind::Bool => stored == &DataType::Boolean,
        Kind::I32 | Kind::I64 => stored.is_integer(),
        Kind::F32 | Kind::F64 => stored.is_floating(),
    }
}

/// Returns the array of a column that [`conform`] has checked, e.g.
/// `column::<Int32Array>(&batch, "class_id")`.
///
/// # Panics
/// When the table has no such column of that type: the table's declaration and the caller disagree.
pub fn column<'a, A: Array + 'static>(batch: &'a RecordBatch, name: &str) -> &'a A {
    match batch
        .column_by_name(name)
        .and_then(|array| array.as_any().downcast_ref())
    {
        Some(array) => array,
        None => panic!("{name} is not a column of this type"),
    }
}
