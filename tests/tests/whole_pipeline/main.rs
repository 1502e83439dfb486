//! Runs the four programs one after the other on a few synthetic scenes. Tests check the files that these leave, that
//! finished runs are skipped and interrupted ones resumed to the same bits, error messages, and that other tools
//! (pandas, DuckDB, …) can read the tables.
#![allow(clippy::unwrap_used)]

mod looking;
mod made;
mod other_tools;
mod outputs;
mod predicting;
mod refusals;
mod reproduced;
mod resuming;
