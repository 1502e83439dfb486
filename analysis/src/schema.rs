//! The tables this crate reads, as ARCHITECTURE.md fixes them, and the reader that refuses others.

use std::path::Path;

use polars::prelude::*;

use crate::{Error, Result};

/// Metadata key of a table's name.
pub const SCHEMA_KEY: &str = "guidance.schema";
/// Metadata key of a table's schema version.
pub const VERSION_KEY: &str = "guidance.version";
/// Metadata key of the program that wrote a table.
pub const PROGRAM_KEY: &str = "guidance.program";
/// Metadata key of the hash of what a table was made from.
pub const INPUTS_KEY: &str = "guidance.inputs";

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
    /// Null says: undefined, or not applicable.
    Allowed,
}

/// A table's name and columns.
#[derive(Debug, Clone, Copy)]
pub struct TableSpec {
    /// `guidance.schema`.
    pub name: &'static str,
    /// `guidance.version`.
    pub version: u32,
    /// The columns a reader needs; others are passed over.
    pub columns: &'static [Column],
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

/// `runs/<run id>/run.parquet`: one row, the resolved configuration.
pub const RUN: TableSpec = TableSpec {
    name: "run",
    version: 1,
    columns: &[
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
        of("seed", I64),
        of("learning_rate", F64),
        of("batch_size", I32),
        of("epochs", I32),
        of("init", Utf8),
        maybe("baseline_run_id", Utf8),
        of("input_height", I32),
        of("input_width", I32),
        of("n_train", I64),
        of("n_val", I64),
        of("device", Utf8),
        of("threads", I32),
        of("seconds", F64),
        of("program", Utf8),
    ],
};

/// `runs/<run id>/epochs.parquet`: training and validation, one row an epoch.
pub const EPOCHS: TableSpec = TableSpec {
    name: "epochs",
    version: 1,
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
};

/// `evaluations/<name>/metrics.parquet`: one row a metric.
pub const METRICS: TableSpec = TableSpec {
    name: "metrics",
    version: 1,
    columns: &[
        of("run_id", Utf8),
        of("checkpoint", I32),
        of("split", Utf8),
        maybe("group_id", I32),
        of("attribution", Utf8),
        of("layer", Utf8),
        of("metric", Utf8),
        maybe("threshold", F64),
        maybe("value", F64),
        of("n", I64),
    ],
};

/// `evaluations/<name>/replicates.parquet`: the metrics of bootstrap resamples over images.
pub const REPLICATES: TableSpec = TableSpec {
    name: "replicates",
    version: 1,
    columns: &[
        of("run_id", Utf8),
        of("checkpoint", I32),
        of("split", Utf8),
        maybe("group_id", I32),
        of("attribution", Utf8),
        of("layer", Utf8),
        of("replicate", I32),
        maybe("f1", F64),
        maybe("map", F64),
        maybe("epg", F64),
        maybe("iou", F64),
    ],
};

/// `evaluations/<name>/examples.parquet`: images and maps for the report's panel.
pub const EXAMPLES: TableSpec = TableSpec {
    name: "examples",
    version: 1,
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
        of("height", I32),
        of("width", I32),
        of("rgb", Binary),
        of("map", Binary),
        of("boxes", Binary),
        maybe("epg", F64),
    ],
};

/// `data/<dataset>/groups.parquet`: names of the groups of images.
pub const GROUPS: TableSpec = TableSpec {
    name: "groups",
    version: 1,
    columns: &[of("group_id", I32), of("group_name", Utf8)],
};

/// Reads the columns of `spec` from the Parquet file at `path`, in the order of the spec.
///
/// # Errors
/// [`Error::Table`] when the file's name, version, a column's presence or type, or a null in a column
/// that has none, is not as `spec` says; [`Error::Polars`] when it is no Parquet file.
pub fn read(path: &Path, spec: &TableSpec) -> Result<DataFrame> {
    let mut reader = ParquetReader::new(fs_err::File::open(path)?.into_file());
    let metadata = reader.get_metadata().map_err(Error::polars(path))?;
    let expect = |key: &str, expected: &str| {
        let entries = metadata.key_value_metadata.iter().flatten();
        let found = entries
            .filter(|entry| entry.key == key)
            .find_map(|entry| entry.value.as_deref());
        if found == Some(expected) {
            Ok(())
        } else {
            Err(Error::table(
                path,
                key,
                found.unwrap_or("nothing"),
                expected,
            ))
        }
    };
    expect(SCHEMA_KEY, spec.name)?;
    expect(VERSION_KEY, &spec.version.to_string())?;

    let schema = reader.schema().map_err(Error::polars(path))?;
    for column in spec.columns {
        let expected = column.kind.dtype();
        match schema.get(column.name).map(DataType::from_arrow_field) {
            None => {
                return Err(Error::table(
                    path,
                    column.name,
                    "no such column",
                    expected.to_string(),
                ));
            }
            Some(found) if found != expected => {
                return Err(Error::table(
                    path,
                    column.name,
                    found.to_string(),
                    expected.to_string(),
                ));
            }
            Some(_) => {}
        }
    }
    let names = spec
        .columns
        .iter()
        .map(|column| column.name.to_owned())
        .collect();
    let frame = reader
        .with_columns(Some(names))
        .finish()
        .map_err(Error::polars(path))?;
    let frame = frame
        .select(spec.columns.iter().map(|c| c.name))
        .map_err(Error::polars(path))?;
    for column in spec
        .columns
        .iter()
        .filter(|column| column.nulls == Nulls::Refused)
    {
        let nulls = frame
            .column(column.name)
            .map_err(Error::polars(path))?
            .null_count();
        if nulls > 0 {
            return Err(Error::table(
                path,
                column.name,
                format!("{nulls} null values"),
                "none",
            ));
        }
    }
    Ok(frame)
}
