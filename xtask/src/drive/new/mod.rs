//! `cargo xtask new`: writes a recipe (the TOML file of an experiment) for the user's own data: a whole one with a
//! comment on each key, or one that extends another recipe and has only what differs.

mod command;

pub(crate) use command::{Args, run};
