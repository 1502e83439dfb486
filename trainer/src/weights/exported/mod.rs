//! Reads a network that PyTorch exported (`torch.export.save`): `read` gives its graph and tensors as they are
//! in the file, `lower` makes the graph pure and minimal.

pub mod archive;
mod convert;
mod directory;
pub mod lower;
mod memory;
mod prune;
pub mod read;
mod rewrite;
mod schema;
pub mod storage;
mod views;
