//! The library that the fuzzing programs (`src/bin`) call. The trainer's reader of weight files is compiled
//! in from its source instead of linking the trainer, so that no libtorch is needed.

#[path = "../../../trainer/src/weights/checkpoint_file/mod.rs"]
pub mod checkpoint_file;
pub mod readers;
