//! The layers at which a network that was read from a file can be explained, and the layer that makes its
//! logits.

mod axes;
mod dominators;
pub mod find;
pub mod form;
pub mod head;
mod names;
