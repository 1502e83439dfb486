//! What the whole-pipeline tests share: starting the stages' programs, and reading their tables
//! against the documented columns. What the pipeline must do is in `tests/whole_pipeline`; nothing
//! here knows a stage's library.

pub mod peak;
pub mod programs;
pub mod tables;
