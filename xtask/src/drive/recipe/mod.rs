//! Recipes: an experiment as a TOML file in `recipes/`. `format` is what it says,
//! `read` reads it, `check` refuses what no run can follow, `experiment` expands the grids to runs. What a run is
//! belongs to the trainer; here its configuration is only written down.

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
