//! The networks: the operations they consist of ([`pass`]), their layers, one file for each
//! architecture, and [`Model`], a network with its tensors.

mod architecture;
mod architectures;
mod backbone;
pub mod bcos;
pub mod faults;
pub mod layers;
mod mode;
mod model;
pub mod params;
pub mod pass;
mod resnet;
mod stages;
mod vit;

pub use architecture::{Architecture, Encoding, MemoryFormat};
pub use backbone::Backbone;
pub use mode::Mode;
pub use model::{Model, Record};
pub use stages::{Network, STAGES};
