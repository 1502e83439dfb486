//! The library that the fuzzing programs (`src/bin`, started by `cargo xtask fuzz`) call. The trainer's readers of
//! weight files and exported networks are compiled in from their source files, under the same module paths, so that
//! the trainer need not be linked and no libtorch is needed.

pub mod archive;
pub mod network;
pub mod readers;
pub mod weights;
