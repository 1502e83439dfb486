//! Why training, explaining or importing stops. One variant a cause; each message names the file
//! or quantity, what was found and what was expected.

use std::path::PathBuf;

use thiserror::Error;

/// This crate's result.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What ends an operation of this crate.
#[derive(Debug, Error)]
pub enum Error {
    /// The operating system refused; the message names the path.
    #[error("{0}")]
    Io(#[from] std::io::Error),

    /// Reading the data folder or writing a table failed.
    #[error("{0}")]
    Data(#[from] data_prep::error::Error),

    /// Scoring maps or writing the map stream failed.
    #[error("{0}")]
    Evaluator(#[from] evaluator::error::Error),

    /// libtorch refused an operation.
    #[error("libtorch: {}", first_line(.0))]
    Torch(#[from] tch::TchError),

    /// A weight file does not fit the network.
    #[error("{file}: weights do not fit the network: {faults}")]
    Weights {
        /// The file.
        file: String,
        /// Every missing, unexpected and mis-shaped tensor.
        faults: crate::params::Faults,
    },

    /// A weight file cannot be read.
    #[error("{0}")]
    CheckpointFile(#[from] crate::checkpoint_file::CheckpointError),

    /// A configuration, run folder or argument is not as it must be.
    #[error("{}: {field}: found {found}, expected {expected}", path.display())]
    Invalid {
        /// The file or folder.
        path: PathBuf,
        /// The key or property.
        field: String,
        /// What is there.
        found: String,
        /// What would have been right.
        expected: String,
    },

    /// The same where a parser says what was found and expected.
    #[error("{}: {field}: {reason}", path.display())]
    Unparsed {
        /// The file.
        path: PathBuf,
        /// The key or place.
        field: String,
        /// The parser's words.
        reason: String,
    },

    /// The loss is no longer a number. The run folder keeps its last whole epoch.
    #[error(
        "epoch {epoch}, step {step}: {term}: found a non-finite value, expected a number\n\
         images of the batch: {images}\n\
         hint: lower learning_rate or lambda; the last finished epoch is kept"
    )]
    NonFinite {
        /// Epoch, from 1.
        epoch: i32,
        /// Step in the epoch, from 1.
        step: usize,
        /// Which loss.
        term: &'static str,
        /// The batch's image ids.
        images: String,
    },
}

impl Error {
    /// A configuration, folder or argument that is not as it must be.
    pub fn invalid(
        path: impl Into<PathBuf>,
        field: impl Into<String>,
        found: impl Into<String>,
        expected: impl Into<String>,
    ) -> Self {
        Error::Invalid {
            path: path.into(),
            field: field.into(),
            found: found.into(),
            expected: expected.into(),
        }
    }
}

/// libtorch's messages carry a C++ stack trace from the second line on.
fn first_line(error: &tch::TchError) -> String {
    error
        .to_string()
        .lines()
        .next()
        .unwrap_or_default()
        .to_owned()
}
