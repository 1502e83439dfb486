//! Reads PASCAL VOC's devkit (docs/SPEC.md C.1): `reader` reads lists and annotations, `segmentation` the
//! palette images, `published` recognises VOC 2007.

mod published;
mod reader;
mod segmentation;

pub use published::CLASSES;
pub use reader::{Voc, read, read_annotation};
