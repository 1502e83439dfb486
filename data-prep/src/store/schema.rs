//! The tables of a data folder, `data/<dataset>/`: names, columns, file names.
//!
//! The contract is ARCHITECTURE.md; this is its copy in code. Writing them is the pipeline's, reading
//! them [`crate::dataset`]'s.

use crate::store::table::{Kind, TableSpec, nullable, required};

/// Metadata key of the data set's name, in every table of the folder.
pub const DATASET_KEY: &str = "guidance.dataset";

/// File name of the pixels.
pub const PIXELS_FILE: &str = "pixels.arrow";

/// Class ids and names.
pub const CLASSES: TableSpec = TableSpec {
    name: "classes",
    version: 1,
    columns: &[
        required("class_id", Kind::I32),
        required("class_name", Kind::Utf8),
    ],
};

/// Group ids and names; no rows where the data set has no groups.
pub const GROUPS: TableSpec = TableSpec {
    name: "groups",
    version: 1,
    columns: &[
        required("group_id", Kind::I32),
        required("group_name", Kind::Utf8),
    ],
};

/// One row per positive label.
pub const LABELS: TableSpec = TableSpec {
    name: "labels",
    version: 1,
    columns: &[
        required("image_id", Kind::Utf8),
        required("class_id", Kind::I32),
    ],
};

/// One row per image. Version 2: `guidance.inputs` hashes the images' contents, and `guidance.dataset`
/// is a published name only where it is that data set.
pub const IMAGES: TableSpec = TableSpec {
    name: "images",
    version: 2,
    columns: &[
        required("image_id", Kind::Utf8),
        required("file_name", Kind::Utf8),
        required("split", Kind::Utf8),
        required("width", Kind::I32),
        required("height", Kind::I32),
        nullable("group_id", Kind::I32),
        required("pixel_row", Kind::I64),
    ],
};

/// One row per annotated object.
pub const MASKS: TableSpec = TableSpec {
    name: "masks",
    version: 1,
    columns: &[
        required("image_id", Kind::Utf8),
        required("instance_id", Kind::I64),
        required("class_id", Kind::I32),
        required("xmin", Kind::F64),
        required("ymin", Kind::F64),
        required("xmax", Kind::F64),
        required("ymax", Kind::F64),
        required("is_difficult", Kind::Bool),
        required("is_crowd", Kind::Bool),
        nullable("area", Kind::F64),
        required("mask_kind", Kind::Utf8),
        nullable("rle_height", Kind::I32),
        nullable("rle_width", Kind::I32),
        nullable("rle_counts", Kind::Binary),
    ],
};

/// What `--on-error skip` left out.
pub const SKIPPED: TableSpec = TableSpec {
    name: "skipped",
    version: 1,
    columns: &[
        required("file", Kind::Utf8),
        required("field", Kind::Utf8),
        required("found", Kind::Utf8),
        required("expected", Kind::Utf8),
    ],
};

/// The file name of a table in its folder.
pub fn file_name(spec: &TableSpec) -> String {
    format!("{}.parquet", spec.name)
}
