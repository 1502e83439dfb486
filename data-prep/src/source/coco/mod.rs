//! Reads COCO JSON (docs/SPEC.md C.2), that of MS COCO and that of any tool. `layout` finds the annotation files,
//! `beside` chooses among them; `loading` reads a file into `instances`, with `json` and `elements`; `folder` finds its
//! image files; `records` makes the records. `credit` reads its licence and citation. `reader` reads MS COCO's own
//! releases, which `published` recognises, and `own` everything else; `leftover` counts images without annotations.

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
