//! The schemas of the tables that this crate reads (ARCHITECTURE.md describes them), and the reader
//! that checks tables against them.

use std::collections::BTreeMap;
use std::path::Path;

use polars::prelude::*;
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
/// Metadata key of the hash of what a table was made from.
pub const INPUTS_KEY: &str = "guidance.inputs";

/// Metadata key of the version of the formulas that an evaluation was made by.
pub const FORMULAS_KEY: &str = "guidance.formulas";

/// Metadata key of the titles of names in a table: a JSON object, name to title.
pub const TITLES_KEY: &str = "guidance.titles";

/// Metadata key of the metrics that are shares, printed in percent: a JSON list.
pub const SHARES_KEY: &str = "guidance.shares";

/// Metadata key of an evaluation's task, where it is not the conventional one.
pub const TASK_KEY: &str = "guidance.task";

/// A column's plain type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// UTF-8 text.
    Utf8,
    /// 32-bit integer.
    I32,
    /// 64-bit integer.
    I64,
    /// 64-bit float.
    F64,
    /// Boolean.
    Bool,
    /// Bytes.
    Binary,
}

impl Kind {
    fn dtype(self) -> DataType {
        match self {
            Self::Utf8 => DataType::String,
            Self::I32 => DataType::Int32,
            Self::I64 => DataType::Int64,
            Self::F64 => DataType::Float64,
            Self::Bool => DataType::Boolean,
            Self::Binary => DataType::Binary,
        }
    }
}

/// A column of a table.
#[derive(Debug, Clone, Copy)]
pub struct Column {
    /// Its name.
    pub name: &'static str,
    /// Its type.
    pub kind: Kind,
    /// Whether a row may lack it.
    pub nulls: Nulls,
}

/// Whether a row may lack a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Nulls {
    /// Every row has one.
    Refused,
    /// A null means undefined, or not applicable.
    Allowed,
}

/// A table's name and columns.
#[derive(Debug, Clone, Copy)]
pub struct TableSpec {
    /// `guidance.schema`.
    pub name: &'static str,
    /// `guidance.version`.
    pub version: u32,
    /// The command that makes it, for a hint about a table of another version.
    pub made_by: &'static str,
    /// The columns a reader needs; others are ignored.
    pub columns: &'static [Column],
    /// The former version, if it can still be read.
    pub former: Option<&'static Self>,
}

const fn of(name: &'static str, kind: Kind) -> Column {
    Column {
        name,
        kind,
        nulls: Nulls::Refused,
    }
}

const fn maybe(name: &'static str, kind: Kind) -> Column {
    Column {
        name,
        kind,
        nulls: Nulls::Allowed,
    }
}

use Kind::{Binary, Bool, F64, I32, I64, Utf8};

/// The columns of `run`; its loss's `options` have one of their own.
const fn run_columns(options: Column) -> [Column; 31] {
    [
        of("run_id", Utf8),
        of("name", Utf8),
        of("dataset", Utf8),
        of("data_inputs", Utf8),
        of("backbone", Utf8),
        of("attribution", Utf8),
        of("layer", Utf8),
        maybe("loss", Utf8),
        maybe("lambda", F64),
        of("annotated_fraction", F64),
        of("annotation", Utf8),
        of("dilation", F64),
        options,
        of("task", Utf8),
        of("augmentation", Utf8),
        of("precision", Utf8),
        of("seed", I64),
        of("learning_rate", F64),
        of("batch_size", I32),
        of("epochs", I32),
        of("init", Utf8),
        maybe("baseline_run_id", Utf8),
        of("configuration", Utf8),
        of("input_height", I32),
        of("input_width", I32),
        of("n_train", I64),
        of("n_val", I64),
        of("device", Utf8),
        of("threads", I32),
        of("seconds", F64),
        of("program", Utf8),
    ]
}

/// `runs/<run id>/run.parquet`: one row, the resolved configuration.
pub const RUN: TableSpec = TableSpec {
    name: "run",
    version: 4,
    made_by: "`trainer train`",
    columns: &run_columns(maybe("loss_options", Utf8)),
    former: Some(&RUN_3),
};

/// The same as long as there was one loss with an option.
const RUN_3: TableSpec = TableSpec {
    version: 3,
    columns: &run_columns(maybe("area_exponent", F64)),
    former: None,
    name: "run",
    made_by: "`trainer train`",
};

/// `runs/<run id>/epochs.parquet`: training and validation, one row an epoch.
pub const EPOCHS: TableSpec = TableSpec {
    name: "epochs",
    version: 1,
    made_by: "`trainer train`",
    columns: &[
        of("run_id", Utf8),
        of("epoch", I32),
        of("loss", F64),
        of("loss_class", F64),
        of("loss_localization", F64),
        of("learning_rate", F64),
        of("seconds", F64),
        of("images_per_second", F64),
        of("val_f1", F64),
        of("val_map", F64),
        of("val_epg", F64),
        of("val_iou", F64),
        of("is_pareto", Bool),
    ],
    former: None,
};

/// `evaluations/<name>/metrics.parquet`: one row a metric.
pub const METRICS: TableSpec = TableSpec {
    name: "metrics",
    version: 3,
    made_by: "`evaluator score`",
    columns: &[
        of("run_id", Utf8),
        of("checkpoint", I32),
        of("split", Utf8),
        maybe("group_id", I32),
        maybe("class_id", I32),
        maybe("size_low", F64),
        maybe("size_high", F64),
        of("attribution", Utf8),
        of("layer", Utf8),
        maybe("precision", Utf8),
        of("metric", Utf8),
        maybe("threshold", F64),
        maybe("value", F64),
        of("n", I64),
    ],
    former: None,
};

/// `evaluations/<name>/replicates.parquet`: the metrics of bootstrap resamples over images.
pub const REPLICATES: TableSpec = TableSpec {
    name: "replicates",
    version: 4,
    made_by: "`evaluator score`",
    columns: &[
        of("run_id", Utf8),
        of("checkpoint", I32),
        of("split", Utf8),
        maybe("group_id", I32),
        of("attribution", Utf8),
        of("layer", Utf8),
        maybe("precision", Utf8),
        of("replicate", I32),
        of("metric", Utf8),
        maybe("value", F64),
    ],
    former: None,
};

/// `evaluations/<name>/examples.parquet`: images and maps for the report's panel.
pub const EXAMPLES: TableSpec = TableSpec {
    name: "examples",
    version: 2,
    made_by: "`evaluator score`",
    columns: &[
        of("rank", I32),
        of("run_id", Utf8),
        of("checkpoint", I32),
        of("split", Utf8),
        of("image_id", Utf8),
        of("class_id", I32),
        of("class_name", Utf8),
        of("attribution", Utf8),
        of("layer", Utf8),
        maybe("precision", Utf8),
        of("height", I32),
        of("width", I32),
        of("rgb", Binary),
        of("map", Binary),
        of("boxes", Binary),
        maybe("epg", F64),
    ],
    former: None,
};

/// `data/<dataset>/groups.parquet`: names of the groups of images.
pub const GROUPS: TableSpec = TableSpec {
    name: "groups",
    version: 1,
    made_by: "`data-prep voc` (coco, waterbirds, scenes) with --overwrite",
    columns: &[of("group_id", I32), of("group_name", Utf8)],
    former: None,
};

/// `data/<dataset>/classes.parquet`: names of the classes.
pub const CLASSES: TableSpec = TableSpec {
    name: "classes",
    version: 1,
    made_by: "`data-prep voc` (coco, waterbirds, scenes) with --overwrite",
    columns: &[of("class_id", I32), of("class_name", Utf8)],
    former: None,
};

/// A file's key-value metadata.
pub type Metadata = BTreeMap<String, String>;

/// The task of an evaluation; only the reversed one is in the metadata.
pub fn task_of(metadata: &Metadata) -> &str {
    metadata.get(TASK_KEY).map_or(CONVENTIONAL, String::as_str)
}

/// The JSON value of `key` in the metadata of the table at `path`; `None` where the key is missing.
///
/// # Errors
/// It is not a `T`, which messages call `expected`.
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

/// The titles of names that a table has.
///
/// # Errors
/// As [`json`].
pub fn titles(path: &Path, metadata: &Metadata) -> Result<BTreeMap<String, String>> {
    let expected = "a JSON object of a title for each name";
    let titles = json((path, metadata), TITLES_KEY, expected)?;
    Ok(titles.unwrap_or_default())
}

/// Reads the columns of `spec`, or of its former version, from the Parquet file at `path`, in the order of the spec.
///
/// # Errors
/// [`Error::Table`] when it is no Parquet file, or the table's name, version, a column's presence or type,
/// or a null in a column without nulls, does not fit `spec`.
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
    let is_read = |spec: &&TableSpec| found(VERSION_KEY) == spec.version.to_string();
    let Some(columns) = [Some(spec), spec.former]
        .into_iter()
        .flatten()
        .find(is_read)
        .map(|spec| spec.columns)
    else {
        return Err(Error::Version {
            path: path.to_owned(),
            found: found(VERSION_KEY).to_owned(),
            expected: spec.version,
            made_by: spec.made_by,
        });
    };

    let schema = guarded(|| reader.schema()).map_err(broken)?;
    for column in columns {
        let expected = column.kind.dtype().to_string();
        match schema.get(column.name).map(DataType::from_arrow_field) {
            Some(found) if found == column.kind.dtype() => {}
            found => {
                let found = found.map_or("no such column".to_owned(), |found| found.to_string());
                return Err(Error::table(path, column.name, found, expected));
            }
        }
    }
    let names = columns.iter().map(|column| column.name.to_owned());
    let reader = reader.with_columns(Some(names.collect()));
    let file = fs_err::File::open(path)?.into_file();
    guarded(|| pages::check(file)).map_err(broken)?;
    let frame = guarded(|| reader.finish()).map_err(broken)?;
    let frame = frame
        .select(columns.iter().map(|c| c.name))
        .map_err(Error::polars(path))?;
    for column in columns.iter().filter(|c| c.nulls == Nulls::Refused) {
        let found = frame.column(column.name).map_err(Error::polars(path))?;
        if found.null_count() > 0 {
            let found = format!("{} null values", found.null_count());
            return Err(Error::table(path, column.name, found, "none"));
        }
    }
    Ok((frame, metadata))
}
