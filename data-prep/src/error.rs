//! The errors of this crate. [`Error`] ends an operation. [`Problem`] is about one image or annotation
//! of a source, which `--on-error skip` leaves out and lists; the pipeline decides whether it ends the
//! operation.
//!
//! A source is a data set as it comes: a VOC devkit, COCO's JSON files and images, Waterbirds'
//! CSV. The field `source` of an error is another thing, its cause, as in
//! [`std::error::Error::source`].

use std::path::{Path, PathBuf};

use thiserror::Error;

/// The result of a function of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// One broken image or annotation: a row of `skipped.parquet`, or the line the program ends with.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Error)]
#[error("{file}: {field}: found {found}, expected {expected}")]
pub struct Problem {
    /// The file it is in.
    pub file: String,
    /// The element, column or property of that file.
    pub field: String,
    /// The value found.
    pub found: String,
    /// The values that are valid.
    pub expected: String,
}

impl Problem {
    /// Returns a problem in `field` of `file`. `found` may be text from a file, so it is [`quoted`].
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

/// Returns the number of problems and the first ones, one a line; a single problem without a number.
fn listed(problems: &[Problem]) -> String {
    const MOST: usize = 20;
    if let [one] = problems {
        return format!(
            "{one}\nhint: --on-error skip leaves this out and lists it in skipped.parquet"
        );
    }
    let mut lines = format!("{} problems", problems.len());
    for problem in problems.iter().take(MOST) {
        lines += &format!("\n  {problem}");
    }
    if problems.len() > MOST {
        lines += &format!("\n  and {} more", problems.len() - MOST);
    }
    lines + "\nhint: --on-error skip leaves these out and lists them in skipped.parquet"
}

/// Returns text from a file, made safe to quote in a message: on one line, control characters escaped, cut
/// after 200 characters with `…`.
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

/// An error of this crate.
#[derive(Debug, Error)]
pub enum Error {
    /// The operating system refused. The message names the path, because all files go through `fs_err`.
    #[error("{0}")]
    Io(#[from] std::io::Error),

    /// An item of a source, a table or a pixel file is invalid.
    #[error("{0}")]
    Problem(#[from] Problem),

    /// Items of a source are invalid; with `--on-error skip` they are left out instead.
    #[error("{}", listed(.0))]
    Problems(Vec<Problem>),

    /// A Parquet file cannot be written. (One that cannot be read is a [`Problem`].)
    #[error("{}: {}", path.display(), quoted(&source.to_string()))]
    Parquet {
        /// The file.
        path: PathBuf,
        /// The library's reason.
        source: parquet::errors::ParquetError,
    },

    /// An Arrow file cannot be written, or columns do not fit together. (One that cannot be read is a
    /// [`Problem`].)
    #[error("{}: {}", path.display(), quoted(&source.to_string()))]
    Arrow {
        /// The file, or the table's name where there is no file yet.
        path: PathBuf,
        /// The library's reason.
        source: arrow::error::ArrowError,
    },

    /// A folder is no valid source or data folder: something that it needs is missing.
    #[error("{}: {what}: found {found}, expected {expected}", path.display())]
    Layout {
        /// The folder or file looked at.
        path: PathBuf,
        /// What was looked for.
        what: String,
        /// What was found.
        found: String,
        /// What is valid.
        expected: String,
    },

    /// A table that is read has another schema version: another version of these programs wrote it.
    #[error(
        "{problem}\n\
         hint: it is of another version of the programs; make it again by {command}"
    )]
    Version {
        /// The file and its version.
        problem: Problem,
        /// The command that makes such a table.
        command: &'static str,
    },

    /// The output folder, which is about to be written, holds a data folder of another version of
    /// data-prep.
    #[error(
        "{}: {field}: found {found}, expected {expected}\n\
         hint: make the data folder again with --overwrite, or choose another --out",
        path.display()
    )]
    OtherProgram {
        /// The output folder.
        path: PathBuf,
        /// The key of the tables' metadata that names the program.
        field: &'static str,
        /// The program and version that made what is in it.
        found: String,
        /// This program and version.
        expected: &'static str,
    },

    /// A worker thread panicked: data-prep has a bug, whatever its input was.
    #[error(
        "{}: reading it: found a fault of this program ({}), expected an image or an error",
        path.display(),
        quoted(words)
    )]
    Panic {
        /// The image that the thread was working on.
        path: PathBuf,
        /// The panic's message.
        words: String,
    },

    /// The output folder already holds a data folder made from other inputs.
    #[error(
        "{}: inputs: found a data folder made from {found}, expected {expected}\n\
         hint: choose another --out, or replace it with --overwrite",
        path.display()
    )]
    OtherInputs {
        /// The output folder.
        path: PathBuf,
        /// The provenance hash in it: of annotations, images and options that it was made from.
        found: String,
        /// The provenance hash of this command.
        expected: String,
    },
}

impl Error {
    /// Returns an [`Error::Layout`].
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

    /// Returns a function for `map_err` that turns a Parquet error about `path` into ours.
    pub fn parquet(path: &Path) -> impl FnOnce(parquet::errors::ParquetError) -> Self + '_ {
        move |source| Self::Parquet {
            path: path.to_owned(),
            source,
        }
    }

    /// Returns a function for `map_err` that turns an Arrow error about `path` into ours.
    pub fn arrow(path: &Path) -> impl FnOnce(arrow::error::ArrowError) -> Self + '_ {
        move |source| Self::Arrow {
            path: path.to_owned(),
            source,
        }
    }
}

/// Returns the `found` of a [`Problem`] whose file cannot be opened: `no such file`, or the system's
/// reason.
pub fn unreadable(error: &std::io::Error) -> String {
    match error.kind() {
        std::io::ErrorKind::NotFound => "no such file".to_owned(),
        other => other.to_string(),
    }
}

/// Returns an error and its causes on one line, for the end of a program. A cause that the line already
/// contains is not repeated: most messages here include their cause.
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
