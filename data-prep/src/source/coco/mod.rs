//! Reads COCO JSON (docs/SPEC.md C.2), MS COCO's own and that of any tool: `layout` finds the annotation
//! files, `loading` makes `instances` of a file, `folder` finds its images, `records` makes records,
//! `credit` reads what the file says of itself.
//! `reader` and `published` read MS COCO, `own` everything else; `leftover` counts the images that are in no
//! annotations.

mod beside;
pub mod categories;
mod classes;
mod counts;
mod credit;
mod elements;
mod folder;
mod ids;
mod instances;
mod json;
mod layout;
mod leftover;
mod loading;
mod mapped;
mod options;
mod own;
mod published;
mod reader;
mod records;
mod shapes;

pub use instances::{Annotation, Category, Image, Instances, ItemProblem};
pub use loading::load_instances;
pub use options::{AnnotationFiles, Coco};
pub use reader::{is_validation, read};
