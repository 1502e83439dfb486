//! From a recipe to a report. `recipe` lists the runs, `plan` the steps that make them and their cost.
//! `reproduce` runs the steps, by its own queue or on a cluster (`slurm`), each as a process of `step`.
//! `status` tells how far they are.

pub(crate) mod device;
mod plan;
mod recipe;
pub(crate) mod recipes;
pub(crate) mod reproduce;
pub(crate) mod slurm;
pub(crate) mod status;
pub(crate) mod step;
mod vocabulary;
