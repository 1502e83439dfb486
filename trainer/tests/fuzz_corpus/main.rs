//! Reads the inputs again that the fuzzer (`cargo xtask fuzz`) found and `tests/fuzz` keeps: a small set that
//! reaches much of the readers' code (`corpus`), and inputs that once broke a reader (`mended`). The readers
//! belong to data-prep, evaluator and trainer; the test is here because the trainer depends on the others.

#[path = "../../../tests/fuzz/src/archive.rs"]
mod archive;
mod corpus;
#[path = "../../../tests/fuzz/src/readers.rs"]
mod readers;

// `readers.rs`, shared with the fuzzing programs, imports `crate::network` and `crate::weights`.
use trainer::{network, weights};
