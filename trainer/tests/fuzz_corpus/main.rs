//! The inputs that the fuzzer (`cargo xtask fuzz`) found, each read again: a small set that reaches much
//! of the readers' code (`corpus`), and those that once broke one (`mended`). The readers are those of all
//! crates: the trainer is the one that depends on all.

mod corpus;
#[path = "../../../tests/fuzz/src/readers.rs"]
mod readers;

// Where the readers expect it.
use trainer::weights::checkpoint_file;
