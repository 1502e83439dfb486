//! `cargo xtask reproduce`: makes a recipe's report. It prints the plan and runs each step that is not done
//! yet. `queue` runs them on this machine, `cluster` submits them to Slurm; both decide on order and device.
//! What a step does, and whether it is done, is in `drive::step`. `needs` checks what the user must provide, `own`
//! completes recipes for own data, `board` shows progress, and `outcome` prints how it ended.

mod board;
mod cluster;
mod command;
mod needs;
mod outcome;
mod own;
mod pace;
mod queue;

pub(crate) use command::{Args, run};
