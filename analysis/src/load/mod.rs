//! Reads a results folder into [`crate::model`]: checks tables ([`schema`]), reads rows, puts a whole
//! folder together ([`results`]), and reads maps of the selected checkpoints ([`examples`]).

pub mod examples;
mod formulas;
mod guarded;
mod pages;
pub mod results;
mod rows;
pub mod schema;
