//! Reads a network that PyTorch exported (`torch.export.save`): `read` gives its graph and tensors as they are
//! in the file, `lower` makes the graph pure and minimal.

// The entries of the file.
pub mod archive;
// The calls of a lowered graph.
mod calls;
// The nodes of the export schema as those of a graph.
mod convert;
// Operators that overwrite, replaced.
pub mod lower;
// Which values lie in the same memory.
mod memory;
// What the logits do not need, removed.
mod prune;
// The file as a graph with its tensors.
pub mod read;
// Operators in one form each.
mod rewrite;
// The export schema.
mod schema;
// The tensors as views of the file.
pub mod storage;
// Operators that are views.
mod views;
