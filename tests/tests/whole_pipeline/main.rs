//! Runs the four programs one after the other on a handful of synthetic scenes. Tests look at the files they
//! leave, at finished runs being skipped and interrupted ones being resumed to the same bits, at error
//! messages, and at whether other tools (pandas, DuckDB, …) can read the tables.
#![allow(clippy::unwrap_used)]

mod looking;
mod made;
mod other_tools;
mod outputs;
mod predicting;
mod refusals;
mod reproduced;
mod resuming;
