//! What the trainer runs on: CPU or GPU, memory, the operating system's process and its signals.

// CPU or GPU, its precision, and copies to and from it.
pub mod device;
// How much of the machine's memory may still be taken.
mod memory;
// Environment variables that must be set before the program starts.
pub mod process;
// Signals that ask the program to stop.
pub mod stop;
