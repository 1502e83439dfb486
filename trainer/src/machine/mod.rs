//! What the trainer runs on: the device, its memory, the process and its signals.

pub mod device;
mod memory;
pub mod process;
pub mod stop;
