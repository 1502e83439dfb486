//! `cargo xtask test`: runs every check of the repository, one after the other, even if one fails, and
//! prints a line for each and one at the end. `checks` has the checks; `report` parses cargo's test
//! output.

mod checks;
mod command;
mod deny;
mod logged;
mod outcome;
mod report;
mod torch;

pub(crate) use command::{Args, run};
