//! Waterbirds-100 (SPEC C.4): `reader` goes through its tables, `published` tells it from data laid out
//! like it.

mod published;
mod reader;

pub use published::{CLASSES, GROUPS};
pub use reader::{Validation, Waterbirds, read};
