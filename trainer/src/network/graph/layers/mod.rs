//! The layers at which a network that was read from a file can be explained, and the layer that makes its
//! logits.

// What the axes of each value mean.
mod axes;
// The record of a layer that can be explained.
pub mod candidate;
// Which values every path from the images to the logits passes through.
mod dominators;
// Finds the layers.
pub mod find;
// Whether a value is a map, its axes and grid, and what the network does with it afterwards.
mod map;
// The layer that makes the logits.
pub mod head;
// The modules' paths and calls.
mod names;
// Which layers are taken where the user names none.
mod stages;
