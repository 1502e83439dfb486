//! From the files of a results folder to [`crate::model`]: tables checked ([`schema`]), rows read, a
//! whole folder put together ([`results`]), and maps for the selected checkpoints ([`examples`]).

pub mod examples;
mod formulas;
mod guarded;
mod pages;
pub mod results;
mod rows;
pub mod schema;
