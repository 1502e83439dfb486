//! Reads the inputs again that the fuzzer (`cargo xtask fuzz`) found and `tests/fuzz` keeps: a small set that
//! reaches much of the readers' code (`corpus`), and inputs that once broke a reader (`mended`). The readers
//! belong to data-prep, evaluator and trainer; the test is here because the trainer depends on the others.

mod corpus;
#[path = "../../../tests/fuzz/src/readers.rs"]
mod readers;

// `readers.rs`, shared with the fuzzing programs, imports `crate::checkpoint_file`.
use trainer::weights::checkpoint_file;
