//! Code that several exhibits share.

pub mod chosen;
pub mod maps;
pub mod pareto;
pub mod strata;
pub mod variation;
