//! Defines the errors of this crate, with their messages: those of reading results, of answering queries,
//! and of writing tables, figures and the report.

use std::path::{Path, PathBuf};

use thiserror::Error;

/// The result of a function of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// An error of this crate. Its message is one line; a hint may follow on a line of its own.
#[derive(Debug, Error)]
pub enum Error {
    /// The operating system refused. The message names the path, because all files go through `fs_err`.
    #[error("{0}")]
    Io(#[from] std::io::Error),

    /// A table does not fit its schema.
    #[error("{}: {field}: found {found}, expected {expected}", path.display())]
    Table {
        /// The file.
        path: PathBuf,
        /// The column or metadata key that does not fit.
        field: String,
        /// What is there.
        found: String,
        /// What would have been right.
        expected: String,
    },

    /// A table of another version of its schema.
    #[error("{}: guidance.version: found {found}, expected {expected}\nhint: it is of another version of the programs; make it again by {made_by}", path.display())]
    Version {
        /// The file.
        path: PathBuf,
        /// The version there.
        found: String,
        /// The version read.
        expected: u32,
        /// The command that makes the table.
        made_by: &'static str,
    },

    /// Evaluations (a checkpoint's maps, scored) made by different, or unknown, versions of the metrics' formulas.
    #[error("{}: guidance.formulas: found {found}, expected {expected}\nhint: score its maps again with `evaluator score` (`cargo xtask reproduce` does); numbers of different formulas are not put together", path.display())]
    Formulas {
        /// The table with the older version of the formulas, or with none.
        path: PathBuf,
        /// The version there, or `nothing`.
        found: String,
        /// The newer version and the table that has it; if no other table was read, that a number is expected.
        expected: String,
    },

    /// A file cannot be read as Parquet, or a table cannot be written.
    #[error("{}: {}", path.display(), one_line(source))]
    Polars {
        /// The file.
        path: PathBuf,
        /// Polars' reason.
        source: polars::error::PolarsError,
    },

    /// There is nothing to analyse.
    #[error("{}: no finished run (runs/<run id>/run.parquet)\nhint: train and score first, or pass the folder that holds runs/", dir.display())]
    NoRuns {
        /// The results folder.
        dir: PathBuf,
    },

    /// Runs are there, but nothing was scored on the test split.
    #[error("{}: no finished evaluation on the test split (runs/<run id>/evaluations/<name>/metrics.parquet)\nhint: `trainer explain --split test` and `evaluator score` make one", dir.display())]
    NoEvaluations {
        /// The results folder.
        dir: PathBuf,
    },

    /// A query that cannot be answered.
    #[error("{option}: found {found}, expected {expected}")]
    Query {
        /// The option.
        option: String,
        /// What was given.
        found: String,
        /// What would have been right.
        expected: String,
    },

    /// A figure or picture cannot be turned into pixels.
    #[error("{figure}: cannot draw it: {reason}")]
    Raster {
        /// The figure's name.
        figure: String,
        /// The renderer's reason.
        reason: String,
    },
}

impl Error {
    /// Makes an [`Error::Table`].
    pub(crate) fn table(
        path: &Path,
        field: impl Into<String>,
        found: impl Into<String>,
        expected: impl Into<String>,
    ) -> Self {
        Self::Table {
            path: path.to_owned(),
            field: field.into(),
            found: found.into(),
            expected: expected.into(),
        }
    }

    /// Returns a function for `map_err` that makes an [`Error::Polars`] about the file at `path`.
    pub(crate) fn polars(path: &Path) -> impl FnOnce(polars::error::PolarsError) -> Self + '_ {
        move |source| Self::Polars {
            path: path.to_owned(),
            source,
        }
    }
}

/// An error's message in one line: line breaks and repeated blanks become single blanks.
pub(crate) fn one_line(error: &impl std::fmt::Display) -> String {
    error
        .to_string()
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ")
}
