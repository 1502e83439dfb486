//! The graph of an exported network, as far as no libtorch is needed.

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
