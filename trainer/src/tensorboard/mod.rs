//! Writes a run's curves and a few of its maps for TensorBoard: `runs/<run id>/tensorboard/` has an event file
//! for each start of the trainer. No program of ours reads them, and nothing depends on them.

// The protobuf messages.
pub mod message;
// An event file: records and their checksums.
pub mod file;
// An image, and a map over it, as one PNG.
pub mod picture;
// What a run writes after each epoch.
pub mod events;
