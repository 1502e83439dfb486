//! Reads data with annotations in PASCAL VOC's XML, in the folders of VOC's devkit or any others (docs/SPEC.md C.1):
//! `layout` finds the annotations, `annotation` reads one and `text` decodes it, `shape` has the geometry of outlines,
//! `classes` decides the class list, `pictures` finds the image files, `segmentation` reads segmentation images, which
//! use VOC's `palette`, `reader` makes the records with all of these, `published` recognises VOC 2007.

mod annotation;
mod classes;
mod layout;
pub(crate) mod palette;
mod pictures;
mod published;
mod reader;
mod segmentation;
mod shape;
mod text;

pub use annotation::{Annotation, Object, read_annotation};
pub use published::CLASSES;
pub use reader::{Voc, read};
