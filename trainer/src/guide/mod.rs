//! Guidance: what training images are guided to, the localization losses, and the objective.

pub mod augmentation;
#[cfg(test)]
mod dynamic_weights;
pub mod loss;
pub mod objective;
pub mod targets;
