//! From a recipe to a report: `recipe` says which runs there are, `plan` the steps that make them and
//! what they cost, `reproduce` has them made, here by its queue or on a cluster (`slurm`), each by
//! `step`; `status` says how far they are.

pub(crate) mod device;
mod plan;
mod recipe;
pub(crate) mod recipes;
pub(crate) mod reproduce;
pub(crate) mod slurm;
pub(crate) mod status;
pub(crate) mod step;
mod vocabulary;
