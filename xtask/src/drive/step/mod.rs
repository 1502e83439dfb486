//! `cargo xtask step`: one step of a recipe's plan, in a process of its own. The queue of `reproduce`
//! and a cluster's jobs start it alike; what becomes of it lies in the out folder (`record`). How a
//! step is done is `perform`'s affair.

mod command;
mod config;
mod finished;
mod perform;
pub(crate) mod record;
mod score;
pub(crate) mod workshop;

pub(crate) use command::{Args, run};
pub(crate) use perform::mark_finished;
