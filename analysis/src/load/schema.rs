//! Reads a Parquet table and checks it against its schema: name, version, columns, types and nulls. The
//! schemas are those of `data-prep/schemas.toml`, which is compiled into the program. A table has its name and
//! version in the file's key-value metadata.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::LazyLock;

use polars::prelude::*;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::load::guarded::guarded;
use crate::load::pages;
use crate::model::subject::CONVENTIONAL;
use crate::{Error, Result};

/// Metadata key of a table's name.
pub const SCHEMA_KEY: &str = "guidance.schema";
/// Metadata key of a table's schema version.
pub const VERSION_KEY: &str = "guidance.version";
/// Metadata key of the program that wrote a table.
pub const PROGRAM_KEY: &str = "guidance.program";
/// Metadata key of the provenance: a hash of what a table was made from.
pub const INPUTS_KEY: &str = "guidance.inputs";

/// Metadata key of the version of the metrics' formulas that an evaluation was made by.
pub const FORMULAS_KEY: &str = "guidance.formulas";

/// Metadata key of the titles (names for people) of the methods, losses, networks or metrics in a table: a JSON
/// object, name to title.
pub const TITLES_KEY: &str = "guidance.titles";

/// Metadata key of the metrics that are shares, printed in percent: a JSON list.
pub const SHARES_KEY: &str = "guidance.shares";

/// Metadata key of an evaluation: the hash of what its data folder was made from.
pub const DATA_INPUTS_KEY: &str = "guidance.data_inputs";

/// Metadata key of the classes that can say nothing about guidance (docs/SPEC.md B), because they are on nearly all
/// images or their boxes cover nearly the whole image: a JSON object, class id to a clause that says why.
pub const UNINFORMATIVE_KEY: &str = "guidance.uninformative";

/// Metadata key of what a data set says of itself (title, address, licence, citation): a JSON object.
pub const CREDIT_KEY: &str = "guidance.credit";

/// Metadata key of an evaluation's task, if it is not the conventional one. An evaluation is one checkpoint's
/// maps of one split, scored.
pub const TASK_KEY: &str = "guidance.task";

/// A column of a table.
#[derive(Debug, Clone)]
pub struct Column {
    /// Its name.
    pub name: &'static str,
    /// Its type.
    pub dtype: DataType,
    /// Whether it may be null, which means undefined or not applicable.
    pub nullable: bool,
}

impl Column {
    /// Parses a column as `schemas.toml` has it, "name type meaning"; where the type ends in `?`, values may be null.
    ///
    /// # Panics
    /// At an unknown type: a mistake in `schemas.toml`, which is part of the program.
    fn declared(entry: &'static str) -> Self {
        let mut words = entry.split(' ');
        let (name, kind) = (words.next(), words.next());
        let kind = kind.unwrap_or_default();
        let dtype = match kind.trim_end_matches('?') {
            "utf8" => DataType::String,
            "bool" => DataType::Boolean,
            "i32" => DataType::Int32,
            "i64" => DataType::Int64,
            "f32" => DataType::Float32,
            "f64" => DataType::Float64,
            "binary" => DataType::Binary,
            _ => panic!("data-prep/schemas.toml: found {entry}, expected \"name type meaning\""),
        };
        Self {
            name: name.unwrap_or_default(),
            dtype,
            nullable: kind.ends_with('?'),
        }
    }
}

/// A table as declared: its name, version and columns.
#[derive(Debug, Clone)]
pub struct TableSpec {
    /// The name that the metadata has under `guidance.schema`.
    pub name: &'static str,
    /// The version that the metadata has under `guidance.version`.
    pub version: u32,
    /// The command that makes it, for a hint about a table of another version.
    pub made_by: &'static str,
    /// The columns that are read; others in the file are ignored.
    pub columns: Vec<Column>,
    /// An earlier version that can still be read, and the columns that it lacks; `None` if there is none.
    former: Option<(u32, Vec<Lacking>)>,
}

/// A column that a table's former version lacks, and the value that is filled in for it; `None`: null.
type Lacking = (&'static str, Option<&'static str>);

impl TableSpec {
    /// The table `name` as `data-prep/schemas.toml` declares it; panics if it does not.
    fn declared(name: &str) -> Self {
        match DECLARED.iter().find(|table| table.name == name) {
            Some(table) => table.clone(),
            None => panic!("{name} is not a table of data-prep/schemas.toml"),
        }
    }

    /// The columns that the former version lacks.
    fn lacks(&self) -> &[Lacking] {
        let former = self.former.as_ref();
        former.map_or(&[], |(_, lacks)| lacks.as_slice())
    }

    /// The former version of the table, where it is read as well.
    fn before(&self) -> Option<Self> {
        let (version, lacks) = self.former.as_ref()?;
        let is_there = |column: &&Column| !lacks.iter().any(|(name, _)| *name == column.name);
        Some(Self {
            version: *version,
            columns: self.columns.iter().filter(is_there).cloned().collect(),
            ..self.clone()
        })
    }
}

/// All tables of `data-prep/schemas.toml`. There, `lacks` has entries "name value", or "name" for null.
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
    let lacking = |entry: &'static str| match entry.split_once(' ') {
        Some((name, value)) => (name, Some(value)),
        None => (entry, None),
    };
    let text = include_str!("../../../data-prep/schemas.toml");
    let tables: BTreeMap<&'static str, Declared> = match toml::from_str(text) {
        Ok(tables) => tables,
        Err(error) => panic!("data-prep/schemas.toml: {error}"),
    };
    let tables = tables.into_iter().map(|(name, table)| TableSpec {
        name,
        version: table.version,
        made_by: table.made_by,
        columns: table.columns.into_iter().map(Column::declared).collect(),
        former: table.former.map(|version| {
            let lacks = table.lacks.into_iter().map(lacking);
            (version, lacks.collect())
        }),
    });
    tables.collect()
});

/// `runs/<run id>/run.parquet`.
pub static RUN: LazyLock<TableSpec> = LazyLock::new(|| TableSpec::declared("run"));

/// Version 3 of `run.parquet`, which is read as well as versions 5 and 4. It has the column `area_exponent`, the
/// option of the only loss that had one then, in the place of `loss_options`. It lacks the same columns as version
/// 4.
static RUN_3: LazyLock<TableSpec> = LazyLock::new(|| {
    let mut run = RUN.before().unwrap_or_else(|| RUN.clone());
    run.version = 3;
    for column in &mut run.columns {
        if column.name == "loss_options" {
            *column = Column::declared("area_exponent f64?");
        }
    }
    run
});

/// `runs/<run id>/epochs.parquet`.
pub static EPOCHS: LazyLock<TableSpec> = LazyLock::new(|| TableSpec::declared("epochs"));

/// `evaluations/<name>/metrics.parquet`.
pub static METRICS: LazyLock<TableSpec> = LazyLock::new(|| TableSpec::declared("metrics"));

/// `evaluations/<name>/replicates.parquet`.
pub static REPLICATES: LazyLock<TableSpec> = LazyLock::new(|| TableSpec::declared("replicates"));

/// `evaluations/<name>/examples.parquet`.
pub static EXAMPLES: LazyLock<TableSpec> = LazyLock::new(|| TableSpec::declared("examples"));

/// The columns of `examples.parquet` that have no pixels.
pub static EXAMPLES_WITHOUT_PIXELS: LazyLock<TableSpec> = LazyLock::new(|| {
    let mut examples = TableSpec::declared("examples");
    let pixels = ["rgb", "map", "boxes"];
    examples
        .columns
        .retain(|column| !pixels.contains(&column.name));
    examples
});

/// `evaluations/<name>/scores.parquet`.
pub static SCORES: LazyLock<TableSpec> = LazyLock::new(|| TableSpec::declared("scores"));

/// `evaluations/<name>/faithfulness.parquet`.
pub static FAITHFULNESS: LazyLock<TableSpec> =
    LazyLock::new(|| TableSpec::declared("faithfulness"));

/// `times/<n>.parquet`.
pub static STEP_TIMES: LazyLock<TableSpec> = LazyLock::new(|| TableSpec::declared("step_times"));

/// `evaluations/<name>/gallery.parquet`.
pub static GALLERY: LazyLock<TableSpec> = LazyLock::new(|| TableSpec::declared("gallery"));

/// `data/<dataset>/images.parquet`.
pub static IMAGES: LazyLock<TableSpec> = LazyLock::new(|| TableSpec::declared("images"));

/// `data/<dataset>/groups.parquet`.
pub static GROUPS: LazyLock<TableSpec> = LazyLock::new(|| TableSpec::declared("groups"));

/// `data/<dataset>/classes.parquet`.
pub static CLASSES: LazyLock<TableSpec> = LazyLock::new(|| TableSpec::declared("classes"));

/// The table of runs that the report writes as `table.parquet`.
pub static TABLE: LazyLock<TableSpec> = LazyLock::new(|| TableSpec::declared("table"));

/// A file's key-value metadata.
pub type Metadata = BTreeMap<String, String>;

/// Returns the task of an evaluation: the one in its metadata, or else the conventional one.
pub fn task_of(metadata: &Metadata) -> &str {
    metadata.get(TASK_KEY).map_or(CONVENTIONAL, String::as_str)
}

/// Returns the JSON value of `key` in the metadata of the table at `path`; `None` where the key is missing.
///
/// # Errors
/// The value is not the JSON of a `T`. The message says that `expected` was expected.
pub fn json<T: DeserializeOwned>(
    (path, metadata): (&Path, &Metadata),
    key: &str,
    expected: &str,
) -> Result<Option<T>> {
    let Some(text) = metadata.get(key) else {
        return Ok(None);
    };
    let read = serde_json::from_str(text);
    let refused = |_| Error::table(path, key, text.as_str(), expected);
    read.map(Some).map_err(refused)
}

/// Returns the titles in a table's metadata: names in the table to names for people.
///
/// # Errors
/// As [`json`].
pub fn titles(path: &Path, metadata: &Metadata) -> Result<BTreeMap<String, String>> {
    let expected = "a JSON object of a title for each name";
    let titles = json((path, metadata), TITLES_KEY, expected)?;
    Ok(titles.unwrap_or_default())
}

/// Reads the columns of `spec` from the Parquet file at `path`, in the order of the spec, and the file's
/// metadata. A former version that may be read has its columns completed; version 3 of `run.parquet` keeps its
/// column `area_exponent`.
///
/// # Errors
/// [`Error::Table`] if there is no such file, it is no whole Parquet file, or it does not fit `spec`: it has
/// another name, lacks a column, or has a column of another type or with nulls where none may be.
/// [`Error::Version`] if its version is another one.
pub fn read(path: &Path, spec: &TableSpec) -> Result<(DataFrame, Metadata)> {
    let broken = |found: String| Error::table(path, "contents", found, "a whole Parquet file");
    let file = fs_err::File::open(path).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => {
            let expected = format!("the table {}", spec.name);
            Error::table(path, "file", "no such file", expected)
        }
        _ => Error::Io(error),
    })?;
    let mut reader = ParquetReader::new(file.into_file());
    let footer = guarded(|| reader.get_metadata().cloned()).map_err(broken)?;
    let entries = footer.key_value_metadata.iter().flatten();
    let metadata: Metadata = entries
        .filter_map(|entry| Some((entry.key.clone(), entry.value.clone()?)))
        .collect();
    let found = |key| metadata.get(key).map_or("nothing", String::as_str);
    if found(SCHEMA_KEY) != spec.name {
        return Err(Error::table(path, SCHEMA_KEY, found(SCHEMA_KEY), spec.name));
    }
    let (former, older) = (
        spec.before(),
        (spec.name == RUN.name).then(|| RUN_3.clone()),
    );
    let is_read = |spec: &TableSpec| found(VERSION_KEY) == spec.version.to_string();
    let mut readable = [Some(spec.clone()), former, older].into_iter().flatten();
    let Some(TableSpec {
        columns, version, ..
    }) = readable.find(is_read)
    else {
        return Err(Error::Version {
            path: path.to_owned(),
            found: found(VERSION_KEY).to_owned(),
            expected: spec.version,
            made_by: spec.made_by,
        });
    };

    let schema = guarded(|| reader.schema()).map_err(broken)?;
    for column in &columns {
        let expected = column.dtype.to_string();
        match schema.get(column.name).map(DataType::from_arrow_field) {
            Some(found) if found == column.dtype => {}
            found => {
                let found = found.map_or("no such column".to_owned(), |found| found.to_string());
                return Err(Error::table(path, column.name, found, expected));
            }
        }
    }
    let names = columns.iter().map(|column| column.name.to_owned());
    let reader = reader.with_columns(Some(names.collect()));
    // This must come before Polars allocates memory for as many values as the pages declare.
    let file = fs_err::File::open(path)?.into_file();
    guarded(|| pages::check(file)).map_err(broken)?;
    let frame = guarded(|| reader.finish()).map_err(broken)?;
    let frame = frame
        .select(columns.iter().map(|c| c.name))
        .map_err(Error::polars(path))?;
    for column in columns.iter().filter(|column| !column.nullable) {
        let found = frame.column(column.name).map_err(Error::polars(path))?;
        if found.null_count() > 0 {
            let found = format!("{} null values", found.null_count());
            return Err(Error::table(path, column.name, found, "none"));
        }
    }
    let frame = match version == spec.version {
        true => frame,
        false => completed(frame, spec).map_err(Error::polars(path))?,
    };
    Ok((frame, metadata))
}

/// Returns `frame`, a table of the former version of `spec`, with the columns that it lacks.
fn completed(mut frame: DataFrame, spec: &TableSpec) -> PolarsResult<DataFrame> {
    for (name, value) in spec.lacks() {
        let values = polars::prelude::Column::new((*name).into(), vec![*value; frame.height()]);
        let column = spec.columns.iter().find(|column| column.name == *name);
        let dtype = column.map_or(&DataType::String, |column| &column.dtype);
        frame.with_column(values.cast(dtype)?)?;
    }
    Ok(frame)
}
