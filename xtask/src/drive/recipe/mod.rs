//! Reads recipes. A recipe is an experiment as a TOML file in `recipes/`. `folder` finds it, `read` reads it,
//! `extends` lays a recipe over the one that it extends, and `file` is its text. `format`, `data` and `hyperparameters`
//! have its keys, `network` the networks from files. `check` refuses an invalid recipe with a `fault`.
//! `experiment` expands its grids into training runs, and `names` labels these. xtask only writes each run's
//! configuration; the trainer defines what it means.

mod check;
mod data;
mod experiment;
mod extends;
#[cfg(test)]
mod extends_tests;
mod fault;
mod file;
mod folder;
mod format;
#[cfg(test)]
mod grid_tests;
mod hyperparameters;
mod names;
mod network;
#[cfg(test)]
mod network_tests;
#[cfg(test)]
mod own_tests;
mod read;
#[cfg(test)]
mod repository_tests;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;

pub(crate) use data::{ColorJitter, Data, PREPARED};
pub(crate) use experiment::{Experiment, Guidance, Maps, Origin, Run, RunIndex, Selection};
pub(crate) use file::File;
pub(crate) use folder::{available, find};
pub(crate) use format::{Fit, Loss, Slurm};
pub(crate) use hyperparameters::EarlyStopping;
pub(crate) use network::{NetworkFile, with_located_networks};
pub(crate) use read::{draft, expand, read};
