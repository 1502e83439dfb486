//! Draws the embedded data set: photographs in miniature, made from a seed and written in the VOC
//! devkit's layout, for the VOC reader to read like any other devkit.
//!
//! It shows the effect of guidance (training a network to look at the object) in minutes, without a download. That
//! takes a data set with a known spurious cue. Each of the six classes has a *companion*, a thing that is
//! easier to learn than the object. In train, val and the in-distribution part of test it lies beside nearly every
//! object of the class, outside the object's box. In the shifted part of test the classes of companions are drawn
//! regardless of the objects. So attributions of an unguided network fall on companions, and its F1 is lower in the
//! shifted part.
//!
//! `objects`, `companions` and `clutter` say what things look like, `layout` decides where they are, `draw` paints
//! them on a ground from `texture`, `camera` makes the photograph, `picture` draws one image with these, `devkit`
//! encodes it, `generate` writes them all. An image is a pure function of (seed, image id, part of the data set).
//! `voc` reads the result back, and `convert` resizes it.

mod camera;
mod clutter;
mod companions;
mod devkit;
mod draw;
mod entry;
mod generate;
mod layout;
mod objects;
mod picture;
mod random;
mod texture;

pub use entry::Scenes;
pub use generate::{Generated, ScenesConfig, class_names, generate};
