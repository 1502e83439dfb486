//! The operations that networks consist of, and [`Pass`], a forward pass. It can record itself for a backward
//! pass that can in turn be differentiated, as guidance needs. The vjp (vector-Jacobian product) of an
//! operation is the linear map from the gradient at its output to the gradients at its inputs.

// How far a network is B-cosified.
mod bcosification;
// What is done otherwise in B-cosified networks.
mod bcosified;
// Operators of libtorch called by their names.
pub mod dispatch;
// Functions written in C++.
pub mod fused;
// Operations that are linear in their input.
mod linear_maps;
// Operations whose vjp libtorch computes.
mod opaque;
// Operations whose vjp is written here.
mod operations;
// Convolutions and matrix products in a run's precision.
pub(crate) mod product;
// The forward pass, its record, and the backward pass.
mod tape;
// Stride, padding and groups of a convolution.
mod window;

pub use bcosification::Bcosification;
pub use operations::NormState;
pub use tape::{Made, Pass, Value};
pub use window::Window;
