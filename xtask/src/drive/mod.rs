//! Turns a recipe (a TOML file that describes an experiment) into a report. `recipe` expands it into training
//! runs, `plan` makes a graph of steps and estimates their cost. `reproduce` runs the steps, by its own queue
//! or on a cluster (`slurm`); each step is a process (`step`). `status` tells how far they are. `networks` brings
//! in networks from files. `new` writes a recipe for own data, of which `survey` tells what it holds.

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
