//! `cargo xtask setup`: libtorch into the repository, from the wheels of the Python package index, so
//! that cargo and rust-analyzer work with no exported variable. A folder is made under another name and
//! renamed after a program has run with it, so it appears whole or not at all; the next run removes
//! what an interrupted one left. `wheels` lists the files of a libtorch; `libtorch` checks a folder.

mod command;
mod wheels;

pub(crate) use command::{Args, ensure, run};
