//! Defines [`File`]: a recipe as text, before it is parsed.

use std::path::PathBuf;

/// The text of a recipe file.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct File {
    /// Where it was read.
    pub(crate) path: PathBuf,
    pub(crate) text: String,
}
