//! The errors that stop scoring or comparing. Each message is one line that names the file, the field,
//! what was found and what was expected; a hint may follow on a line of its own.

use std::path::{Path, PathBuf};

use data_prep::Problem;
use data_prep::dataset::Split;
use data_prep::error::quoted;
use thiserror::Error;

/// The result of a function of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// An error of this crate.
#[derive(Debug, Error)]
pub enum Error {
    /// A data folder or one of our tables cannot be read or written, or a column is missing or of
    /// another type.
    #[error(transparent)]
    Data(#[from] data_prep::Error),

    /// The operating system refused. The message names the path, because all files go through `fs_err`.
    #[error("{0}")]
    Io(#[from] std::io::Error),

    /// An Arrow stream or file, or a Parquet file, is broken.
    #[error(
        "{}: contents: found {}, expected a whole Arrow or Parquet file",
        path.display(), quoted(&source.to_string())
    )]
    Arrow {
        /// The file, or `stdin`.
        path: PathBuf,
        /// The library's reason.
        source: arrow::error::ArrowError,
    },

    /// The stream of maps to another program cannot be written.
    #[error("map stream: {source}")]
    MapStream {
        /// The library's reason.
        source: arrow::error::ArrowError,
    },

    /// A file of a kind that this program does not read.
    #[error(
        "{}: first bytes: found {found}, expected an Arrow IPC stream, an Arrow IPC file or a Parquet file",
        path.display()
    )]
    Format {
        /// The file, or `stdin`.
        path: PathBuf,
        /// Its first bytes.
        found: String,
    },

    /// A kind of file that cannot be read from a pipe.
    #[error(
        "stdin: first bytes: found {found}, expected an Arrow IPC stream\n\
         hint: only the stream format can be piped; pass the file's path instead"
    )]
    NotAStream {
        /// The kind of file that was piped.
        found: &'static str,
    },

    /// A value of one row is invalid.
    #[error("{}: row {row}, {field}: found {}, expected {expected}", path.display(), quoted(found))]
    Row {
        /// The file, or `stdin`.
        path: PathBuf,
        /// Row number from 0, over all batches.
        row: u64,
        /// The column.
        field: &'static str,
        /// What is there.
        found: String,
        /// What would have been right.
        expected: String,
    },

    /// A value in the file's metadata that says what the maps are of (run, checkpoint, split …) is invalid.
    #[error("{}: metadata {key}: found {found:?}, expected {expected}", path.display())]
    Metadata {
        /// The file, or `stdin`.
        path: PathBuf,
        /// The metadata key.
        key: &'static str,
        /// Its value.
        found: String,
        /// What would have been right.
        expected: &'static str,
    },

    /// A file without a row.
    #[error("{}: rows: found none, expected at least one map", path.display())]
    NoMaps {
        /// The file, or `stdin`.
        path: PathBuf,
    },

    /// Pairs (an image and a class on it) of the split without a map.
    #[error(
        "{}: maps: found none for {missing} of {pairs} (image, class) pairs of split {split}, the first image {} class {class_id}, expected one each\n\
         hint: --partial scores the pairs that are there",
        path.display(),
        quoted(image_id)
    )]
    MissingMaps {
        /// The file, or `stdin`.
        path: PathBuf,
        /// Pairs without a map.
        missing: usize,
        /// Pairs of the split.
        pairs: usize,
        /// The split.
        split: Split,
        /// Image of the first pair without one.
        image_id: String,
        /// Class of the first pair without one.
        class_id: i32,
    },

    /// Cells of the images × classes of the split without a logit.
    #[error(
        "{}: logit: found none for {missing} of {cells} (image, class) cells of split {split}, the first image {} class {class_id}, expected every class of every image",
        path.display(),
        quoted(image_id)
    )]
    MissingPredictions {
        /// The predictions file.
        path: PathBuf,
        /// Cells without a logit.
        missing: usize,
        /// Cells of the split.
        cells: usize,
        /// The split.
        split: Split,
        /// Image of the first cell without one.
        image_id: String,
        /// Class of the first cell without one.
        class_id: i32,
    },

    /// The predictions are of another run, checkpoint, split or precision than the maps or evaluation
    /// that they belong to.
    #[error(
        "{}: {field}: found {}, expected {} as {}",
        path.display(),
        quoted(found),
        quoted(expected),
        quoted(whose)
    )]
    OtherRun {
        /// The predictions file.
        path: PathBuf,
        /// `run_id`, `checkpoint`, `split`, `precision` or the task's key.
        field: &'static str,
        /// The value in the predictions.
        found: String,
        /// The value in what they belong to.
        expected: String,
        /// What they belong to, e.g. `in the maps`.
        whose: String,
    },

    /// Predictions without targets, where no data folder gives them either.
    #[error(
        "{}: target: found no such column, expected a column of type Boolean\n\
         hint: --data DIR takes the targets from the data folder's labels",
        path.display()
    )]
    NoTarget {
        /// The predictions file.
        path: PathBuf,
    },

    /// An evaluation (a folder of scored maps) by another version of the formulas.
    #[error(
        "{}: {key}: found {}, expected {}, this program's version of the formulas\n\
         hint: score its maps again with evaluator score",
        path.display(),
        quoted(found),
        crate::FORMULAS
    )]
    OtherFormulas {
        /// A table of the evaluation.
        path: PathBuf,
        /// The metadata key.
        key: &'static str,
        /// Its value, or `nothing`.
        found: String,
    },
}

impl Error {
    /// Returns the error for an invalid `field` of a file or folder.
    pub(crate) fn problem(
        path: &Path,
        field: impl Into<String>,
        found: impl Into<String>,
        expected: impl Into<String>,
    ) -> Self {
        Self::Data(Problem::new(path, field, found, expected).into())
    }

    /// Returns a function for `map_err` that turns an Arrow error about `path` into ours.
    pub(crate) fn arrow(path: &Path) -> impl FnOnce(arrow::error::ArrowError) -> Self + '_ {
        move |source| Self::Arrow {
            path: path.to_owned(),
            source,
        }
    }
}
