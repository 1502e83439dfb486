//! Helpers of the tests that run the built programs: starting them, checking their tables against the
//! declared columns, comparing runs. The tests are in `tests/`: `whole_pipeline` (what the programs must
//! do), `bad_input` (what they must refuse), `reliability` (which faults they must survive). Nothing here
//! links one of the other crates.

pub mod peak;
pub mod programs;
pub mod runs;
pub mod tables;
