//! `cargo xtask reproduce`: from a recipe to a report. It prints the plan and runs each step that is
//! not done yet. `step` does a step and knows whether it is done; `queue`, or a cluster, decides on
//! order and device.

mod board;
mod cluster;
mod command;
mod needs;
mod outcome;
mod queue;

pub(crate) use command::{Args, run};
