//! Why a command or a reader of this crate stops, and what is wrong with one item of a source.
//!
//! [`Error`] ends the operation; [`Problem`] is about one image or annotation, which
//! `--on-error skip` leaves out and lists. What to do with either is decided in the pipeline.

use std::path::{Path, PathBuf};

use thiserror::Error;

/// This crate's result.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// One broken image or annotation: a row of `skipped.parquet`, or the line the program ends with.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Error)]
#[error("{file}: {field}: found {found}, expected {expected}")]
pub struct Problem {
    /// The file it is in.
    pub file: String,
    /// The element, column or property of that file.
    pub field: String,
    /// What is there.
    pub found: String,
    /// What would have been right.
    pub expected: String,
}

impl Problem {
    /// A problem in `field` of `file`.
    pub fn new(
        file: impl AsRef<Path>,
        field: impl Into<String>,
        found: impl Into<String>,
        expected: impl Into<String>,
    ) -> Self {
        Self {
            file: file.as_ref().display().to_string(),
            field: field.into(),
            found: quoted(&found.into()),
            expected: expected.into(),
        }
    }
}

/// What a file holds, as a message may quote it: on one line, without characters that a terminal obeys,
/// and not at any length.
pub fn quoted(text: &str) -> String {
    const MOST: usize = 200;
    let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut shown = String::new();
    for character in words.chars().take(MOST) {
        match character.is_control() {
            true => shown.extend(character.escape_default()),
            false => shown.push(character),
        }
    }
    if words.chars().nth(MOST).is_some() {
        shown.push('…');
    }
    shown
}

/// What ends an operation of this crate.
#[derive(Debug, Error)]
pub enum Error {
    /// The operating system refused; the message names the path.
    #[error("{0}")]
    Io(#[from] std::io::Error),

    /// An item of a source, a table or a pixel file is not as it must be.
    #[error("{0}")]
    Problem(#[from] Problem),

    /// A Parquet file cannot be written.
    #[error("{}: {}", path.display(), quoted(&source.to_string()))]
    Parquet {
        /// The file.
        path: PathBuf,
        /// The library's reason.
        source: parquet::errors::ParquetError,
    },

    /// An Arrow file cannot be written, or columns do not fit together.
    #[error("{}: {}", path.display(), quoted(&source.to_string()))]
    Arrow {
        /// The file, or the table's name where there is no file yet.
        path: PathBuf,
        /// The library's reason.
        source: arrow::error::ArrowError,
    },

    /// A source or data folder lacks what makes it one.
    #[error("{}: {what}: found {found}, expected {expected}", path.display())]
    Layout {
        /// The folder or file looked at.
        path: PathBuf,
        /// What was looked for.
        what: String,
        /// What is there.
        found: String,
        /// What would have been right.
        expected: String,
    },

    /// A table is of another version of the programs.
    #[error(
        "{problem}\n\
         hint: it is of another version of the programs; make it again by {command}"
    )]
    Version {
        /// The file, and which version it is of.
        problem: Problem,
        /// What makes such a table.
        command: &'static str,
    },

    /// The output folder already holds something that another version of this program made.
    #[error(
        "{}: {field}: found {found}, expected {expected}\n\
         hint: make the data folder again with --overwrite, or choose another --out",
        path.display()
    )]
    OtherProgram {
        /// The output folder.
        path: PathBuf,
        /// The metadata key that says the program.
        field: &'static str,
        /// The program and version that made what is in it.
        found: String,
        /// This program and version.
        expected: &'static str,
    },

    /// A thread met a fault of the program, not of its input.
    #[error(
        "{}: reading it: found a fault of this program ({}), expected an image or an error",
        path.display(),
        quoted(words)
    )]
    Panic {
        /// The image in hand.
        path: PathBuf,
        /// What the panic says.
        words: String,
    },

    /// The output folder already holds something made from other inputs.
    #[error(
        "{}: inputs: found a data folder made from {found}, expected {expected}\n\
         hint: choose another --out, or replace it with --overwrite",
        path.display()
    )]
    OtherInputs {
        /// The output folder.
        path: PathBuf,
        /// The provenance hash in it.
        found: String,
        /// The provenance hash of this command.
        expected: String,
    },
}

impl Error {
    /// A file or folder whose shape is wrong as a whole.
    pub fn layout(
        path: impl Into<PathBuf>,
        what: impl Into<String>,
        found: impl Into<String>,
        expected: impl Into<String>,
    ) -> Self {
        Self::Layout {
            path: path.into(),
            what: what.into(),
            found: found.into(),
            expected: expected.into(),
        }
    }

    /// For `map_err` on Parquet results about `path`.
    pub fn parquet(path: &Path) -> impl FnOnce(parquet::errors::ParquetError) -> Self + '_ {
        move |source| Self::Parquet {
            path: path.to_owned(),
            source,
        }
    }

    /// For `map_err` on Arrow results about `path`.
    pub fn arrow(path: &Path) -> impl FnOnce(arrow::error::ArrowError) -> Self + '_ {
        move |source| Self::Arrow {
            path: path.to_owned(),
            source,
        }
    }
}

/// Why a file cannot be read, as what is found in its place.
pub fn unreadable(error: &std::io::Error) -> String {
    match error.kind() {
        std::io::ErrorKind::NotFound => "no such file".to_owned(),
        other => other.to_string(),
    }
}

/// An error and its causes on one line, for the end of a program. Causes whose words the line
/// already has are left out: most messages here include theirs.
pub fn one_line(error: &(dyn std::error::Error + 'static)) -> String {
    let mut line = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let words = error.to_string();
        if !line.contains(&words) {
            line = format!("{line}: {words}");
        }
        cause = error.source();
    }
    line
}
