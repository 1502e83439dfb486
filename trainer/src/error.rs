//! The errors that stop training, explaining or importing, one variant for each cause. A message names
//! the file or quantity, what was found and what was expected.

use std::path::PathBuf;

use thiserror::Error;

use crate::finite::Found;

/// The result of a function of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// An error of this crate.
#[derive(Debug, Error)]
pub enum Error {
    /// The operating system refused. The message names the path, because all files go through `fs_err`.
    #[error("{0}")]
    Io(#[from] std::io::Error),

    /// Reading the data folder or writing a table failed.
    #[error("{0}")]
    Data(#[from] data_prep::error::Error),

    /// Scoring maps or writing the map stream failed.
    #[error("{0}")]
    Evaluator(#[from] evaluator::error::Error),

    /// libtorch refused an operation.
    #[error("libtorch: {}", said(.0))]
    Torch(tch::TchError),

    /// A weight file does not fit the network.
    #[error("{file}: weights do not fit the network: {faults}")]
    Weights {
        /// The file.
        file: String,
        /// Every missing, unexpected and mis-shaped tensor.
        faults: crate::network::faults::Faults,
    },

    /// A weight file cannot be read.
    #[error("{0}")]
    CheckpointFile(#[from] crate::weights::checkpoint_file::CheckpointError),

    /// An exported network cannot be read.
    #[error("{0}")]
    Exported(#[from] crate::network::graph::problem::GraphError),

    /// A configuration, run folder, weight file or argument is invalid.
    #[error("{}: {field}: found {found}, expected {expected}", path.display())]
    Invalid {
        /// The file or folder.
        path: PathBuf,
        /// The key or property.
        field: String,
        /// The value found.
        found: String,
        /// The values that are valid.
        expected: String,
    },

    /// A text in a file could not be parsed.
    #[error("{}: {field}: {reason}", path.display())]
    Unparsed {
        /// The file.
        path: PathBuf,
        /// The key or position.
        field: String,
        /// The parser's message.
        reason: String,
    },

    /// Neither of the two saved states from which a stopped run resumes (`resume.safetensors` and the one before
    /// it) can be read.
    #[error(
        "{faults}\n\
         hint: nothing else is left to go on from; to begin the run again, remove its folder"
    )]
    Unresumable {
        /// The errors of reading them, in one line.
        faults: String,
    },

    /// A loss, gradient or attribution map is non-finite. The run's folder keeps its last saved state.
    #[error(
        "epoch {epoch}, {step}: {term}: found a non-finite value, expected a finite one\n\
         images of the batch: {images}\n\
         hint: lower learning_rate or lambda, or set on_non_finite = \"skip\"; the state last saved is kept"
    )]
    NonFinite {
        /// Epoch, from 1.
        epoch: i32,
        /// `step N` of the epoch, from 1, or `validation`.
        step: String,
        /// Which loss, which parameter's gradient, logits or maps.
        term: String,
        /// The batch's image ids.
        images: String,
    },

    /// A weight, a running statistic of a batch norm or a moment of the optimizer is non-finite after a step.
    /// The run's folder keeps its last saved state.
    #[error(
        "epoch {epoch}, after step {step}: {tensor}: found {found}, expected a finite number\n\
         hint: {}; the state last saved is kept", to_stay_finite(.tensor)
    )]
    Spoilt {
        /// Epoch, from 1.
        epoch: i32,
        /// The last step done in the epoch, from 1.
        step: usize,
        /// The tensor's name, and the index of the value.
        tensor: String,
        /// The value.
        found: String,
    },
}

// Written out, because `#[from]` would make libtorch's error the `source` of this one. A program that prints
// sources would then print libtorch's message twice, the second time with its C++ stack trace.
impl From<tch::TchError> for Error {
    fn from(error: tch::TchError) -> Self {
        Error::Torch(error)
    }
}

impl Error {
    /// Returns an [`Error::Invalid`].
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

    /// Returns the error for a weight in `file` that is non-finite, or too large for 32 bits.
    pub(crate) fn non_finite(file: impl Into<PathBuf>, tensor: &str, found: &Found) -> Self {
        let expected = match found.value.is_finite() {
            true => "a number that 32 bits can hold",
            false => "a finite number",
        };
        let field = format!("{tensor}{:?}", found.index);
        Error::invalid(file, field, found.to_string(), expected)
    }
}

/// Returns the hint of [`Error::Spoilt`] for a tensor of this name. A batch norm's running variance takes the
/// unbiased variance, which is NaN for a single value in a channel.
fn to_stay_finite(tensor: &str) -> &'static str {
    match tensor.contains("running_var") {
        true => {
            "a norm needs several values a channel: leave no batch with one image, or prepare larger pixels; \
             else lower learning_rate or lambda"
        }
        false => "lower learning_rate or lambda",
    }
}

/// Returns the first line of libtorch's message (a C++ stack trace follows it), with a hint if it says that
/// memory was short.
fn said(error: &tch::TchError) -> String {
    let text = error.to_string();
    let line = text.lines().next().unwrap_or_default();
    let is_out_of_memory = ["out of memory", "can't allocate memory"]
        .iter()
        .any(|words| line.contains(words));
    match is_out_of_memory {
        true => format!("{line}\n{TO_LOWER}"),
        false => line.to_owned(),
    }
}

/// The hint where memory was short. It does not name bf16, which takes more memory: weights, activations and
/// gradients stay 32-bit, and 16-bit copies come on top.
const TO_LOWER: &str = "hint: lower batch_size, set micro_batch (X-DNN, ViT), explain at a deeper layer or prepare smaller pixels \
     (data-prep --size); where maps are made after training, lower --memory or --batch-size";

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the message of an error for which libtorch's own message is `text`.
    fn torch(text: &str) -> String {
        let error = Error::Torch(tch::TchError::Torch(text.to_owned()));
        data_prep::error::one_line(&error)
    }

    #[test]
    fn short_memory_says_what_to_lower() {
        let cuda = "CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has a total capacity of 79.11 GiB \
                    of which 1.06 GiB is free.\nException raised from malloc at ../c10/cuda/X.cpp:1\nframe #0";
        let cpu = "[enforce fail at alloc_cpu.cpp:121] . DefaultCPUAllocator: can't allocate memory: you \
                   tried to allocate 4398046511104 bytes. Error code 12 (Cannot allocate memory)\nframe #0";
        for text in [cuda, cpu] {
            let first = text.lines().next().unwrap_or_default();
            assert_eq!(
                torch(text),
                format!("libtorch: Internal torch error: {first}\n{TO_LOWER}")
            );
        }
        for word in ["batch_size", "micro_batch", "layer", "--size", "--memory"] {
            assert!(TO_LOWER.contains(word), "{word}");
        }
        assert!(!TO_LOWER.contains("bf16") && !TO_LOWER.contains("precision"));
        let other = "The size of tensor a (3) must match\nframe #0";
        assert_eq!(
            torch(other),
            "libtorch: Internal torch error: The size of tensor a (3) must match"
        );
    }

    /// The hint is given for certain words in libtorch's message, which another version may change. So
    /// libtorch is really asked for too much memory.
    #[test]
    fn libtorch_says_that_memory_is_short_in_known_words() {
        let too_much = tch::Tensor::f_zeros([1 << 50], (tch::Kind::Float, tch::Device::Cpu));
        let said = too_much
            .map(|_| ())
            .map_err(|error| Error::from(error).to_string());
        assert!(
            said.as_ref().is_err_and(|said| said.ends_with(TO_LOWER)),
            "{said:?}"
        );
    }
}
