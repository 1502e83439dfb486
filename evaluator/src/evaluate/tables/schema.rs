//! The columns of an evaluation's tables, and of a comparison's; the contract is ARCHITECTURE.md.

use data_prep::table::{Kind, TableSpec, nullable, required};

/// One row per (image, class) pair and metric that it has, pairs in the order of images and classes, metrics
/// in that of [`crate::metrics::pair::PAIR_METRICS`].
pub const SCORES: TableSpec = TableSpec {
    name: "scores",
    version: 4,
    columns: &[
        required("run_id", Kind::Utf8),
        required("checkpoint", Kind::I32),
        required("split", Kind::Utf8),
        required("image_id", Kind::Utf8),
        required("class_id", Kind::I32),
        nullable("group_id", Kind::I32),
        required("attribution", Kind::Utf8),
        required("layer", Kind::Utf8),
        nullable("precision", Kind::Utf8),
        required("metric", Kind::Utf8),
        nullable("value", Kind::F64),
    ],
};

/// One row per pair and threshold of the sweep.
pub const IOU: TableSpec = TableSpec {
    name: "iou",
    version: 2,
    columns: &[
        required("run_id", Kind::Utf8),
        required("checkpoint", Kind::I32),
        required("split", Kind::Utf8),
        required("image_id", Kind::Utf8),
        required("class_id", Kind::I32),
        required("attribution", Kind::Utf8),
        required("layer", Kind::Utf8),
        nullable("precision", Kind::Utf8),
        required("threshold", Kind::F64),
        required("intersection", Kind::I32),
        required("union", Kind::I32),
    ],
};

/// One row for each metric and set of images or pairs: all, a group, a class or a size of mask.
pub const METRICS: TableSpec = TableSpec {
    name: "metrics",
    version: 3,
    columns: &[
        required("run_id", Kind::Utf8),
        required("checkpoint", Kind::I32),
        required("split", Kind::Utf8),
        nullable("group_id", Kind::I32),
        nullable("class_id", Kind::I32),
        nullable("size_low", Kind::F64),
        nullable("size_high", Kind::F64),
        required("attribution", Kind::Utf8),
        required("layer", Kind::Utf8),
        nullable("precision", Kind::Utf8),
        required("metric", Kind::Utf8),
        nullable("threshold", Kind::F64),
        nullable("value", Kind::F64),
        required("n", Kind::I64),
    ],
};

/// One row per bootstrap resample, group and metric.
pub const REPLICATES: TableSpec = TableSpec {
    name: "replicates",
    version: 4,
    columns: &[
        required("run_id", Kind::Utf8),
        required("checkpoint", Kind::I32),
        required("split", Kind::Utf8),
        nullable("group_id", Kind::I32),
        required("attribution", Kind::Utf8),
        required("layer", Kind::Utf8),
        nullable("precision", Kind::Utf8),
        required("replicate", Kind::I32),
        required("metric", Kind::Utf8),
        nullable("value", Kind::F64),
    ],
};

/// One row per example of the report's panel.
pub const EXAMPLES: TableSpec = TableSpec {
    name: "examples",
    version: 2,
    columns: &[
        required("rank", Kind::I32),
        required("run_id", Kind::Utf8),
        required("checkpoint", Kind::I32),
        required("split", Kind::Utf8),
        required("image_id", Kind::Utf8),
        required("class_id", Kind::I32),
        required("class_name", Kind::Utf8),
        required("attribution", Kind::Utf8),
        required("layer", Kind::Utf8),
        nullable("precision", Kind::Utf8),
        required("height", Kind::I32),
        required("width", Kind::I32),
        required("rgb", Kind::Binary),
        required("map", Kind::Binary),
        required("boxes", Kind::Binary),
        nullable("epg", Kind::F64),
    ],
};

/// One row per metric and group of two runs on the same images.
pub const PAIRED: TableSpec = TableSpec {
    name: "paired",
    version: 2,
    columns: &[
        required("run_id_a", Kind::Utf8),
        required("checkpoint_a", Kind::I32),
        required("attribution_a", Kind::Utf8),
        required("layer_a", Kind::Utf8),
        nullable("precision_a", Kind::Utf8),
        required("run_id_b", Kind::Utf8),
        required("checkpoint_b", Kind::I32),
        required("attribution_b", Kind::Utf8),
        required("layer_b", Kind::Utf8),
        nullable("precision_b", Kind::Utf8),
        required("split", Kind::Utf8),
        nullable("group_id", Kind::I32),
        required("metric", Kind::Utf8),
        required("value_a", Kind::F64),
        required("value_b", Kind::F64),
        required("difference", Kind::F64),
        nullable("ci_low", Kind::F64),
        nullable("ci_high", Kind::F64),
        nullable("test", Kind::Utf8),
        nullable("p_value", Kind::F64),
        required("n", Kind::I64),
    ],
};
