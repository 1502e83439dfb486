//! `cargo xtask reproduce`: from a recipe to a report. Prints the plan and has each step done that is
//! not done yet; how, and what is known to be done, is `step`'s affair, in which order and where the
//! `queue`'s, or a cluster's.

mod board;
mod cluster;
mod command;
mod needs;
mod outcome;
mod queue;

pub(crate) use command::{Args, run};
