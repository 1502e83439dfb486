//! The operations that networks consist of: a forward pass that can record itself for a backward pass,
//! products in a run's precision, and operations written in C++.

pub mod fused;
mod opaque;
mod operations;
pub(crate) mod product;
mod tape;
mod window;

pub use operations::NormState;
pub use tape::{Made, Pass, Value};
pub use window::Window;
