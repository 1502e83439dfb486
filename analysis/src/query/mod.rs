//! Answers `analysis query`: filters, groups and compares the metrics of runs (trainings), and prints a table.

mod answer;
mod arguments;
mod compare;
mod condition;
mod known;
mod printed;

pub use answer::run;
pub use arguments::Query;
