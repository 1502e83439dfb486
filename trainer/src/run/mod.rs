//! A run, that is one training of one network: its configuration and id, its folder, the tables and saved
//! states in the folder, and which epochs' weights are kept.

// `run.toml`.
pub mod config;
// `epochs.parquet`.
pub mod epochs;
// A finished run, read from its folder.
pub mod finished;
// The paths of the files.
pub mod folder;
// The run id and the configuration hash.
mod identity;
// Which epochs' weights are kept, and when they are written and removed.
pub mod kept;
// One program at a time trains a run.
pub mod lock;
// The Pareto front, and the epoch with the highest F1.
pub mod pareto;
// `run.parquet`.
pub mod record;
// A configuration with its data and first weights.
pub mod resolved;
// The state from which an interrupted run is resumed.
pub mod resume;
// The specifications of the two tables.
pub mod schema;
// `trainer select`.
pub mod select;
// `trainer state`.
pub mod state;
