//! What the whole-pipeline tests share: starting the stages' programs, reading their tables against
//! the documented columns, and comparing runs. What the pipeline must do is in `tests/whole_pipeline`,
//! what it must survive in `tests/reliability`; nothing here knows a stage's library.

pub mod peak;
pub mod programs;
pub mod runs;
pub mod tables;
