//! Reads Waterbirds-100 (docs/SPEC.md C.4), birds pasted on land or water: `reader` reads its tables, `published`
//! distinguishes it from other data in its layout.

mod published;
mod reader;

pub use published::{CLASSES, GROUPS};
pub use reader::{Validation, Waterbirds, read};
