//! Reads MS COCO (docs/SPEC.md C.2): `loading` makes `instances` of a JSON file, `reader` makes records of
//! them, `published` recognises COCO 2014.

pub mod categories;
mod elements;
mod instances;
mod json;
mod loading;
mod mapped;
mod published;
mod reader;
mod shapes;

pub use instances::{Annotation, Category, Image, Instances, ItemProblem};
pub use loading::load_instances;
pub use reader::{Coco, is_validation, read};
