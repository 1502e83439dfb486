//! The options of making a data folder: which images, at which size, and what to do with broken items.

use std::path::PathBuf;

use crate::error::{Error, Problem, Result};
use crate::mask::geometry::Grid;
use crate::source::split::Split;
use crate::store::tables::Existing;

/// What to do with a broken image or annotation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum OnError {
    /// Stop; nothing is made.
    #[default]
    Fail,
    /// Leave the item out and list it in `skipped.parquet`.
    Skip,
}

/// Keeps at most `count` images of a split: those with the smallest SHA-256 of `0:<image id>`. So the
/// choice depends only on the ids (the 0 is a seed that never changes), and the images of a smaller limit
/// are among those of a larger one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit {
    /// The split.
    pub split: Split,
    /// The number of images kept.
    pub count: usize,
}

/// What to do with the orientation that a camera wrote into an image file (EXIF). Annotation tools mostly show
/// the image turned, so their annotations are of the turned image; Pillow and the published data sets ignore
/// the orientation. With `Auto` an image is turned only if the annotated width and height are those of the
/// turned image and differ from those of the stored one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum Exif {
    /// Turn an image where the annotated size is that of the turned image, and it alone.
    #[default]
    Auto,
    /// Turn all images that say they are turned.
    Apply,
    /// Turn none.
    Ignore,
}

/// The options of making a data folder.
#[derive(Debug, Clone)]
pub struct Options {
    /// The data folder to make.
    pub out: PathBuf,
    /// Height and width in pixels that images are resized to: the network's input.
    pub grid: Grid,
    /// The limits of splits that are not taken whole.
    pub limits: Vec<Limit>,
    /// What to do with a broken item.
    pub on_error: OnError,
    /// What to do with images that a camera turned.
    pub exif: Exif,
    /// Threads that decode and resize.
    pub threads: usize,
    /// What to do with a data folder that is there already and was made from other inputs.
    pub existing: Existing,
}

/// Returns the problems as an error if there are any and `on_error` is [`OnError::Fail`].
pub(super) fn stop_at(on_error: OnError, problems: &[Problem]) -> Result<()> {
    match (on_error, problems) {
        (OnError::Skip, _) | (_, []) => Ok(()),
        (OnError::Fail, [one]) => Err(one.clone().into()),
        (OnError::Fail, many) => Err(Error::Problems(many.to_vec())),
    }
}
