//! The trainer's modules for the graph of a network that PyTorch exported, those that need no libtorch, compiled in
//! from the trainer's source.

#[path = "../../../../trainer/src/network/graph/check.rs"]
pub mod check;
#[path = "../../../../trainer/src/network/graph/layers/mod.rs"]
pub mod layers;
#[path = "../../../../trainer/src/network/graph/operators.rs"]
pub mod operators;
#[path = "../../../../trainer/src/network/graph/problem.rs"]
pub mod problem;
#[path = "../../../../trainer/src/network/graph/program.rs"]
pub mod program;
