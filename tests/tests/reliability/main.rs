//! The faults that a run must survive, injected from outside: kills at any moment, damaged files, a
//! full or read-only disk, a second program on the same run, and non-finite values. After each, the
//! same command is given again, and the run must end with the same bits as an undisturbed one.
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
