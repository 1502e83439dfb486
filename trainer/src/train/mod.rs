//! Training of a run (one network, one configuration, one seed), from the first weights to the last epoch's
//! validation.

// The optimizer.
pub mod adam;
// A step in several passes, for less memory.
pub mod micro_batch;
// How long a step takes on this machine.
pub mod pace;
// How far the run is, in a file.
mod progress_file;
// Losses read back from the device, and checked.
mod readings;
// The learning rate of each step.
pub mod schedule;
// The weights a run begins from.
mod start;
// How long steps of runs take, measured in turn.
pub mod step_times;
// Early stopping.
pub mod stopping;
// The run: epochs, steps, and files after each epoch.
pub mod training;
// F1, mAP, EPG and IoU on the validation split.
pub mod validation;
