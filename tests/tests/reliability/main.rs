//! Tests that `trainer train` survives faults injected from outside: kills at any moment, damaged files, a
//! full or read-only disk, a second program on the same run folder, and non-finite values. Most tests end alike:
//! the same command is given again, and the run must end with the same bits as `made::whole()`, a run with
//! the same configuration that was never interrupted. A run is one training, in a folder of its own.
#![allow(clippy::unwrap_used)]

mod damaged;
mod disk;
mod killed;
mod made;
mod memory;
mod non_finite;
mod safetensors;
mod shared;
mod spoilt;
mod stopped;
mod unguided;
mod varied;
mod watched;
