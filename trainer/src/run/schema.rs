//! The columns of the trainer's tables `run`, `epochs` and `predictions` (described in ARCHITECTURE.md).

use data_prep::table::{Kind, TableSpec, nullable, required};

/// The program that writes these tables.
pub const PROGRAM: &str = concat!("trainer ", env!("CARGO_PKG_VERSION"));

/// The configuration of a run, flattened.
pub const RUN: TableSpec = TableSpec {
    name: "run",
    version: 4,
    columns: &[
        required("run_id", Kind::Utf8),
        required("name", Kind::Utf8),
        required("dataset", Kind::Utf8),
        required("data_inputs", Kind::Utf8),
        required("backbone", Kind::Utf8),
        required("attribution", Kind::Utf8),
        required("layer", Kind::Utf8),
        nullable("loss", Kind::Utf8),
        nullable("lambda", Kind::F64),
        required("annotated_fraction", Kind::F64),
        required("annotation", Kind::Utf8),
        required("dilation", Kind::F64),
        nullable("loss_options", Kind::Utf8),
        required("task", Kind::Utf8),
        required("augmentation", Kind::Utf8),
        required("precision", Kind::Utf8),
        required("seed", Kind::I64),
        required("learning_rate", Kind::F64),
        required("batch_size", Kind::I32),
        required("epochs", Kind::I32),
        required("init", Kind::Utf8),
        nullable("baseline_run_id", Kind::Utf8),
        required("configuration", Kind::Utf8),
        required("input_height", Kind::I32),
        required("input_width", Kind::I32),
        required("n_train", Kind::I64),
        required("n_val", Kind::I64),
        required("device", Kind::Utf8),
        required("threads", Kind::I32),
        required("seconds", Kind::F64),
        required("program", Kind::Utf8),
    ],
};

/// One row per epoch.
pub const EPOCHS: TableSpec = TableSpec {
    name: "epochs",
    version: 1,
    columns: &[
        required("run_id", Kind::Utf8),
        required("epoch", Kind::I32),
        required("loss", Kind::F64),
        required("loss_class", Kind::F64),
        required("loss_localization", Kind::F64),
        required("learning_rate", Kind::F64),
        required("seconds", Kind::F64),
        required("images_per_second", Kind::F64),
        required("val_f1", Kind::F64),
        required("val_map", Kind::F64),
        required("val_epg", Kind::F64),
        required("val_iou", Kind::F64),
        required("is_pareto", Kind::Bool),
    ],
};

/// One row per image and class.
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
