//! Reads a results folder into the structs of [`crate::model`]. [`schema`] reads one table and checks its
//! columns and types, `rows` turns a table into structs, [`results`] reads all runs and evaluations of a
//! folder, and [`examples`] the example maps of the checkpoints that are reported.

pub mod examples;
mod formulas;
mod guarded;
mod pages;
pub mod results;
mod rows;
pub mod schema;
