//! What several exhibits are made with.

pub mod chosen;
pub mod maps;
pub mod pareto;
pub mod strata;
pub mod variation;
