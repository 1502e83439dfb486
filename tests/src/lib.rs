//! What the tests over the programs share: starting the stages' programs, reading their tables against
//! the documented columns, and comparing runs. What the pipeline must do is in `tests/whole_pipeline`,
//! what it must refuse in `tests/bad_input`, what it must survive in `tests/reliability`; nothing here
//! knows a stage's library.

pub mod peak;
pub mod programs;
pub mod runs;
pub mod tables;
