//! Recipes: an experiment as a TOML file in `recipes/`. `format` has its keys, `read` reads it, `check`
//! refuses an invalid one, `experiment` expands the grids to runs. The trainer decides what a run is;
//! xtask only writes its configuration.

mod check;
mod experiment;
mod format;
mod names;
mod read;
#[cfg(test)]
mod tests;

pub(crate) use experiment::{Experiment, Maps, Origin, Run, RunIndex, Selection};
pub(crate) use format::{Data, Loss, Slurm};
pub(crate) use read::{available, read};
