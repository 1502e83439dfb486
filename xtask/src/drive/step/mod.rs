//! `cargo xtask step`: one step of a recipe's plan, in a process of its own, started by the queue of
//! `reproduce` or by a cluster's job. `perform` does the step; `record` writes its state into the out
//! folder.

mod command;
mod config;
mod finished;
mod perform;
pub(crate) mod record;
mod score;
pub(crate) mod workshop;

pub(crate) use command::{Args, run};
pub(crate) use perform::mark_finished;
