//! Names the tables of a data folder, `data/<dataset>/`, and their files; `schemas.toml` has the columns.

use std::sync::LazyLock;

use crate::store::table::TableSpec;

/// Metadata key of the data set's name, in every table of the folder.
pub const DATASET_KEY: &str = "guidance.dataset";

/// Metadata key of where the data set is from, its licence and citation
/// ([`Credit`](crate::source::credit::Credit)), as JSON, in every table of the folder; absent where none of them
/// is known.
pub const CREDIT_KEY: &str = "guidance.credit";

/// File name of the pixels.
pub const PIXELS_FILE: &str = "pixels.arrow";

/// Class ids and names.
pub static CLASSES: LazyLock<TableSpec> = LazyLock::new(|| TableSpec::declared("classes"));

/// Group ids and names; no rows where the data set has no groups.
pub static GROUPS: LazyLock<TableSpec> = LazyLock::new(|| TableSpec::declared("groups"));

/// One row per positive label: an image and a class on it.
pub static LABELS: LazyLock<TableSpec> = LazyLock::new(|| TableSpec::declared("labels"));

/// One row per image. Version 2: `guidance.inputs` hashes the images' contents, and `guidance.dataset`
/// is a published name only where it is that data set.
pub static IMAGES: LazyLock<TableSpec> = LazyLock::new(|| TableSpec::declared("images"));

/// One row per annotated object.
pub static MASKS: LazyLock<TableSpec> = LazyLock::new(|| TableSpec::declared("masks"));

/// One row per broken image or annotation that `--on-error skip` left out, and per fault that cost no image and
/// no object (a remark).
pub static SKIPPED: LazyLock<TableSpec> = LazyLock::new(|| TableSpec::declared("skipped"));

/// The file name of a table in its folder.
pub fn file_name(spec: &TableSpec) -> String {
    format!("{}.parquet", spec.name)
}
