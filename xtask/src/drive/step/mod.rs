//! `cargo xtask step`: does one step of a recipe's plan (data, a training run, scores, or the report) in a
//! process of its own, which `reproduce`'s queue or a cluster's job starts. `perform` does the step, with `score`
//! for one evaluation, `times` for times of steps and `config` for a run's configuration; `workshop` starts the programs; `finished` asks
//! which runs are finished; `record` writes the step's state into the out folder.

mod command;
mod config;
mod finished;
mod perform;
pub(crate) mod record;
mod score;
mod times;
pub(crate) mod workshop;

pub(crate) use command::{Args, run};
pub(crate) use perform::mark_finished;
