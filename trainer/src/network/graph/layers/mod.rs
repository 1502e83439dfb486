//! The layers at which a network that was read from a file can be explained, and the layer that makes its
//! logits.

// What the axes of each value mean.
mod axes;
// A layer that can be explained.
pub mod candidate;
// Which values all of the network passes through.
mod dominators;
// Finds the layers.
pub mod find;
// What a value is as a map.
mod form;
// The layer that makes the logits.
pub mod head;
// The paths of modules.
mod names;
// Which layers are taken by default.
mod stages;
