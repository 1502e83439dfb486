//! Questions about the metrics of runs, filtered, grouped and compared.

mod answer;
mod arguments;
mod compare;
mod condition;
mod known;
mod printed;

pub use answer::run;
pub use arguments::Query;
