//! The specifications of the two tables in the folder of a run (one training), `run.parquet` and `epochs.parquet`.
//! Their columns are declared in `data-prep/schemas.toml`.

use std::sync::LazyLock;

use data_prep::table::TableSpec;

/// The name and version of the program that writes these tables, for their metadata.
pub const PROGRAM: &str = concat!("trainer ", env!("CARGO_PKG_VERSION"));

/// `run.parquet`: one row with the configuration of the run and facts about its training.
pub static RUN: LazyLock<TableSpec> = LazyLock::new(|| TableSpec::declared("run"));

/// `epochs.parquet`: one row per epoch.
pub static EPOCHS: LazyLock<TableSpec> = LazyLock::new(|| TableSpec::declared("epochs"));
