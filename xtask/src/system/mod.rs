//! What the operating system gives: files, locks, processes, signals, and how much room, memory and how
//! many threads there are. Nothing here knows a recipe or a stage.

pub(crate) mod disk;
pub(crate) mod files;
pub(crate) mod lock;
pub(crate) mod memory;
pub(crate) mod paths;
pub(crate) mod process;
pub(crate) mod progress;
pub(crate) mod signals;
pub(crate) mod threads;
