//! `cargo xtask new`: writes a recipe for own data, with a comment on each key, or one that extends another.

mod command;

pub(crate) use command::{Args, run};
