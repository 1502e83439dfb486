//! Networks that are read from a file (`torch.export`): their graph, how it is run and differentiated, and
//! where it can be explained.

// Whether a graph can be run.
pub(crate) mod check;
// What weight files say of a network.
pub mod description;
// A network's entry.
pub mod entry;
// A part of a graph that runs.
mod evaluation;
// Where a network can be explained.
pub mod layers;
// The network.
pub mod network;
// The operators that the pass knows, and all others.
mod operations;
// The operators that a file may call.
pub(crate) mod operators;
// What can be wrong with a graph.
pub mod problem;
// The graph itself.
pub mod program;
