//! `--executor slurm`: submits the steps of a plan to a Slurm cluster. A step is called a job here, as in the
//! plan. Jobs that wait for the same jobs and ask for the same resources become job arrays (several where the
//! cluster limits their length); each task of an array is one `xtask step`.
//!
//! Submitted jobs are recorded in `<out>/slurm`, so that submitting again adds only what is missing. The
//! caller knows which steps there are, what they need and whether they are done. docs/slurm.md describes all
//! this for users.

mod arrays;
mod client;
pub(crate) mod packages;
mod programs;
mod queue;
mod record;
mod script;
mod status;
#[cfg(test)]
mod test_cluster;
#[cfg(test)]
mod tests;

pub(crate) use queue::{Flags, Queue};
pub(crate) use status::{State, Status, Submitted};
