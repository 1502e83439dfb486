//! Guidance, that is training with a second loss, the localization loss, which compares attribution maps with masks
//! made of boxes or segmentations.

// Random crops and flips of training images.
pub mod augmentation;
// Random brightness, contrast, saturation and hue of training images.
pub mod color_jitter;
// Tests of the gradient of a B-cos network's localization loss.
#[cfg(test)]
mod dynamic_weights;
// How far features are from those of the network that a B-cosified one is made of.
pub mod distillation;
// What a localization loss is.
pub mod loss;
// The localization losses.
pub mod losses;
// The sum of both losses for a batch.
pub mod objective;
// What losses do to maps before they compare them with masks.
pub mod post_processing;
// Annotated images, drawn classes and masks.
pub mod targets;
