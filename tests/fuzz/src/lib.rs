//! What the fuzzer's programs (`src/bin`) call: the readers, and the trainer's reader of weight files
//! compiled in by its source, so that no libtorch is needed.

#[path = "../../../trainer/src/weights/checkpoint_file/mod.rs"]
pub mod checkpoint_file;
pub mod readers;
