//! `cargo xtask test`: runs every check of the repository, one after the other, even if one fails. It prints
//! a line for each check and a summary at the end. `checks` has the checks; `report` parses the output of
//! `cargo test`; `checkout` sees to it that what is tested was compiled here.

mod checkout;
mod checks;
mod command;
mod deny;
mod logged;
mod outcome;
mod report;
mod torch;

pub(crate) use command::{Args, run};
