//! The tables of a run's folder; `data-prep/schemas.toml` has their columns.

use std::sync::LazyLock;

use data_prep::table::TableSpec;

/// The program that writes these tables.
pub const PROGRAM: &str = concat!("trainer ", env!("CARGO_PKG_VERSION"));

/// The configuration of a run, flattened.
pub static RUN: LazyLock<TableSpec> = LazyLock::new(|| TableSpec::declared("run"));

/// One row per epoch.
pub static EPOCHS: LazyLock<TableSpec> = LazyLock::new(|| TableSpec::declared("epochs"));
