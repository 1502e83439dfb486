//! `cargo xtask setup`: installs libtorch in the repository (`.libtorch`), from the wheels of the Python
//! package index. `.cargo/config.toml` names that folder, so that cargo and rust-analyzer need no exported
//! variable.
//!
//! The folder is made under another name, a program is run with it, and only then it is renamed; so it
//! appears whole or not at all. The next run removes what an interrupted one left. `wheels` lists the files
//! of a libtorch; `install::libtorch` checks a folder.

mod command;
mod wheels;

pub(crate) use command::{Args, ensure, run};
