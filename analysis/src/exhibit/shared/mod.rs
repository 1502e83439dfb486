//! What several exhibits (figures and tables of the report) have in common: plots, map figures and table columns.

pub mod chosen;
pub mod maps;
pub mod pareto;
pub mod strata;
pub mod variation;
