//! `cargo xtask status`: prints how far a reproduction is, once or (`--follow`) until it ends. It reads the
//! files in the out folder and, where the reproduction was submitted to a cluster, asks Slurm's queue. It
//! writes nothing, and may be called from any machine at any time. With `--cancel` it takes the steps out of
//! Slurm's queue.

mod command;
mod curves;
mod standing;
mod table;

pub(crate) use command::{Args, run};
pub(crate) use standing::{Standing, standings};
