//! Turns a recipe (a TOML file that describes an experiment) into a report. `recipe` expands it into training
//! runs, `plan` makes a graph of steps and estimates their cost. `reproduce` runs the steps, by its own queue
//! or on a cluster (`slurm`); each step is a process (`step`). `status` tells how far they are. `networks` brings
//! in networks from files. `new` writes a recipe for own data; `survey` asks data-prep what own data holds.
//! `recipes` lists the recipes of the repository, `vocabulary` asks the programs for the names that recipes may
//! use, and `device` is CPU or GPU.

pub(crate) mod device;
mod networks;
pub(crate) mod new;
mod plan;
mod recipe;
pub(crate) mod recipes;
pub(crate) mod reproduce;
pub(crate) mod slurm;
pub(crate) mod status;
pub(crate) mod step;
mod survey;
mod vocabulary;
