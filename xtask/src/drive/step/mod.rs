//! `cargo xtask step`: does one step of a recipe's plan (data, a training run, scores, or the report) in a
//! process of its own, which `reproduce`'s queue or a cluster's job starts. `perform` does the step; `record`
//! writes its state into the out folder.

mod command;
mod config;
mod finished;
mod perform;
pub(crate) mod record;
mod score;
pub(crate) mod workshop;

pub(crate) use command::{Args, run};
pub(crate) use perform::mark_finished;
