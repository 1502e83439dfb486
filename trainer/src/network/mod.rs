//! The networks, from single operations to [`Model`], a network with its tensors.

// The record of what the trainer needs to know about a network.
mod architecture;
// The networks, one file each.
mod architectures;
// A network by its name.
mod backbone;
// B-cos layers.
pub mod bcos;
// Networks that are made from ordinary ones.
pub mod bcosified;
// All EfficientNet-Lites.
mod efficientnet_lite;
// How a weight file differs from a network.
pub mod faults;
// Networks that are read from a file.
pub mod graph;
// Layers of other networks.
pub mod layers;
// Training or evaluation.
mod mode;
// A network with its tensors.
mod model;
// The named tensors of a network.
pub mod params;
// The operations, and a backward pass that can be differentiated.
pub mod pass;
// All ResNets.
mod resnet;
// A network as a chain of five stages.
mod stages;
// The vision transformers.
mod vit;

pub use architecture::{Architecture, Encoding, MemoryFormat};
pub use backbone::Backbone;
pub use mode::Mode;
pub use model::{Model, Record};
pub use stages::{FeatureAxes, Network, STAGES};
