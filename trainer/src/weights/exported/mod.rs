//! Reads a network that PyTorch exported (`torch.export.save`, a `.pt2` file): `read` gives its graph and tensors
//! as they are in the file, `lower` makes the graph pure (no operator overwrites a value) and minimal.

// Finds the entries of the file, a zip archive.
pub mod archive;
// The calls of operators of the graph that `lower` makes.
mod calls;
// Turns nodes of the export schema into nodes of a graph.
mod convert;
// Replaces operators that overwrite a value.
pub mod lower;
// Follows which values share memory.
mod memory;
// Removes the calls on which the logits do not depend.
mod prune;
// Reads the file as a graph with its tensors.
pub mod read;
// Brings the variants of an operator into one form.
mod rewrite;
// The export schema, as structures.
mod schema;
// Reads the tensors as views of the file's bytes.
pub mod storage;
// The operators whose outputs are views of their input.
mod views;
