//! Answers `analysis query`: questions about the metrics of runs, which it filters, groups and compares.

mod answer;
mod arguments;
mod compare;
mod condition;
mod known;
mod printed;

pub use answer::run;
pub use arguments::Query;
