//! PASCAL VOC's devkit (SPEC C.1): `reader` goes through lists and annotations, `segmentation` through
//! the palette images, `published` tells VOC 2007.

mod published;
mod reader;
mod segmentation;

pub use published::CLASSES;
pub use reader::{Voc, read, read_annotation};
