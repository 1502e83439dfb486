//! What the tests over the programs share: starting the stages' programs, and reading their tables
//! against the documented columns. What the pipeline must do is in `tests/whole_pipeline`, what it must
//! refuse in `tests/bad_input`; nothing here knows a stage's library.

pub mod peak;
pub mod programs;
pub mod tables;
