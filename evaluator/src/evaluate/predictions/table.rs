//! The columns of a file of logits.

use data_prep::table::{Kind, TableSpec, nullable, required};

/// The columns of `predictions.parquet`.
pub const PREDICTIONS: TableSpec = TableSpec {
    name: "predictions",
    version: 2,
    columns: &[
        required("run_id", Kind::Utf8),
        required("checkpoint", Kind::I32),
        required("split", Kind::Utf8),
        required("image_id", Kind::Utf8),
        required("class_id", Kind::I32),
        required("logit", Kind::F32),
        required("target", Kind::Bool),
        nullable("precision", Kind::Utf8),
    ],
};
