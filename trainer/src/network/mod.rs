//! The networks: what they are computed with ([`pass`]), their layers, one file for each architecture,
//! and [`Model`], a network with its tensors.

pub mod bcos;
pub mod densenet;
pub mod efficientnet_lite;
pub mod faults;
pub mod layers;
mod mode;
mod model;
pub mod params;
pub mod pass;
pub mod resnet;
mod stages;
pub mod vit;

pub use mode::Mode;
pub use model::{Model, Record};
pub use stages::{Network, STAGES};
