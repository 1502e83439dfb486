//! `cargo xtask setup`: libtorch into the repository, from the wheels of the Python package index, so
//! that cargo and rust-analyzer work with no exported variable. A folder is made under another name
//! and renamed when a program has run with it: it is there as a whole or not at all, and what an
//! interrupted run left is swept away by the next. Which files make a libtorch is `wheels`' affair,
//! whether a folder is one `libtorch`'s.

mod command;
mod wheels;

pub(crate) use command::{Args, ensure, run};
