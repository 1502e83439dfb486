//! The embedded data set: photographs in miniature, drawn from a seed and written in the VOC
//! devkit's layout, for the VOC reader to read like any other devkit.
//!
//! Why it exists: guidance can be shown in minutes, with nothing downloaded, only on a data set
//! where a network is led astray and one knows by what. Each of the six classes has a *companion*
//! that lies beside nearly every object of it in train, val and the in-distribution part of test,
//! outside the object's box, and is easier to learn than the object. In the shifted part of test
//! companions are drawn regardless of the objects. So attributions of an unguided network fall on
//! companions, and its F1 falls in the shifted part.
//!
//! `objects` and `companions` say what things look like, `layout` where they are and how strong
//! the bond is, `picture` draws one image, `devkit` encodes it, `generate` writes them all. An image is a pure function of
//! (seed, image id). Reading back, resizing and tables are left to `voc` and the pipeline.

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
