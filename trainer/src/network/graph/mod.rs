//! Networks that are read from a file of `torch.export.save`: their graph, how it is run and differentiated, and
//! the layers at which they can be explained. `weights/exported/` reads the file.

// Whether a graph can be run.
pub(crate) mod check;
// What the metadata of a weight file say about a network.
pub mod description;
// A network's record for the rest of the trainer.
pub mod entry;
// The values of a graph while it runs.
mod evaluation;
// The layers at which a network can be explained.
pub mod layers;
// A graph as a network of five stages.
pub mod network;
// How a node is run in a pass.
mod operations;
// The operators that a file may call.
pub(crate) mod operators;
// What can be wrong with a graph.
pub mod problem;
// The graph itself.
pub mod program;
