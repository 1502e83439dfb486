//! Declares the table of predictions (`predictions.parquet`), which the trainer writes as well.

use std::sync::LazyLock;

use data_prep::table::TableSpec;

/// One row per image and class, with its logit.
pub static PREDICTIONS: LazyLock<TableSpec> = LazyLock::new(|| TableSpec::declared("predictions"));
