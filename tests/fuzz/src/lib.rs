//! The library that the fuzzing programs (`src/bin`) call. The trainer's readers of weight files and exported
//! networks are compiled in from their source, under the same paths, instead of linking the trainer, so that
//! no libtorch is needed.

pub mod archive;
pub mod network;
pub mod readers;
pub mod weights;
