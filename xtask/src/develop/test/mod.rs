//! `cargo xtask test`: every check of the repository, one after the other, all of them even if one
//! fails, with a line each and one line at the end. What a check asks is in `checks`; reading cargo's
//! test output is in `report`.

mod checks;
mod command;
mod deny;
mod logged;
mod outcome;
mod report;
mod torch;

pub(crate) use command::{Args, run};
