//! Reads again the inputs that the fuzzer (`cargo xtask fuzz`) found and `tests/fuzz` keeps: a small set that
//! reaches much of the readers' code (`corpus`), and inputs that once broke a reader (`mended`). The readers
//! belong to the crates data-prep, evaluator and trainer. The test is in trainer, which depends on the others.

#[path = "../../../tests/fuzz/src/archive.rs"]
mod archive;
mod corpus;
#[path = "../../../tests/fuzz/src/readers.rs"]
mod readers;

// `readers.rs`, shared with the fuzzing programs, imports `crate::network` and `crate::weights`.
use trainer::{network, weights};
