//! Guidance, the second loss: masks as targets, the localization losses, and the objective.

pub mod augmentation;
#[cfg(test)]
mod dynamic_weights;
pub mod loss;
pub mod losses;
pub mod objective;
pub mod post_processing;
pub mod targets;
