//! Makes a data folder from a source's records (a source is a data set as it comes): `pipeline`
//! decides what goes in and whether the folder is there already, `decoding` turns the image files into
//! pixels, `stretched` fits relative annotations to images that are turned. `photo` prepares single images,
//! without a data folder.

mod decoding;
mod options;
mod photo;
mod pipeline;
mod stretched;

pub use crate::store::tables::Existing;
pub use options::{Exif, Limit, OnError, Options};
pub use photo::{Prepared, Preparer};
pub use pipeline::{Outcome, run};
