//! `--executor slurm`: a plan's steps as jobs of a cluster. Jobs that wait for the same become one
//! array; each task is one `xtask step`. What was submitted is written down in `<out>/slurm`, so that
//! submitting again adds what is missing and doubles nothing. Which steps there are, what they need
//! and whether they are done is left to the caller. docs/slurm.md says how it looks to a user.

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
