//! Helpers around the operating system: files, locks, processes, signals, disk space, memory and threads.
//! Nothing here knows a recipe or a stage.

pub(crate) mod disk;
pub(crate) mod files;
pub(crate) mod lock;
pub(crate) mod memory;
pub(crate) mod paths;
pub(crate) mod process;
pub(crate) mod progress;
pub(crate) mod signals;
pub(crate) mod threads;
