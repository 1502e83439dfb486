//! Turns a recipe (a TOML file that describes an experiment) into a report. `recipe` expands it into training
//! runs, `plan` makes a graph of steps and estimates their cost. `reproduce` runs the steps, by its own queue
//! or on a cluster (`slurm`); each step is a process (`step`). `status` tells how far they are.

pub(crate) mod device;
mod plan;
mod recipe;
pub(crate) mod recipes;
pub(crate) mod reproduce;
pub(crate) mod slurm;
pub(crate) mod status;
pub(crate) mod step;
mod vocabulary;
