//! The errors of reading a weight file, one variant for each way in which it can be wrong.

use std::path::PathBuf;

/// Why a weight file could not be read.
#[derive(Debug, thiserror::Error)]
pub enum CheckpointError {
    /// The file could not be opened or read; the message names it.
    #[error(transparent)]
    Read(std::io::Error),
    /// The file was read, but is not what it should be.
    #[error("{}: {problem}", path.display())]
    Content {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: Problem,
    },
}

/// What is wrong with the content of a weight file.
#[derive(Debug, thiserror::Error)]
pub enum Problem {
    /// The file is of none of the three formats (zip, legacy, safetensors).
    #[error(
        "starts with {found}, expected a PyTorch checkpoint (zip or legacy) or a safetensors file"
    )]
    UnknownFormat {
        /// The first bytes.
        found: String,
    },
    /// The safetensors header or its offsets are wrong.
    #[error("found a damaged safetensors file ({0}), expected a header that covers its data")]
    Safetensors(safetensors::SafeTensorError),
    /// The zip archive or one of its entries is damaged, or compressed in an unusual way.
    #[error("zip archive, {entry}: found {found}, expected {expected}")]
    Zip {
        /// The damaged entry, or the archive's directory of entries.
        entry: String,
        /// What is there.
        found: String,
        /// What should be.
        expected: &'static str,
    },
    /// An entry of the zip archive is missing or there more than once.
    #[error("zip archive: found {found}, expected {expected}")]
    Entries {
        /// The entries that are there.
        found: String,
        /// The entry that should be.
        expected: String,
    },
    /// The pickle breaks off, is inconsistent or has instructions that `torch.save` does not write.
    #[error("{part} pickle, byte {offset}: found {found}, expected {expected}")]
    Pickle {
        /// Which pickle of the file.
        part: &'static str,
        /// Where in it.
        offset: usize,
        /// What is there.
        found: String,
        /// What should be.
        expected: String,
    },
    /// A part of a legacy checkpoint is not what it should be.
    #[error("legacy checkpoint, {part}: found {found}, expected {expected}")]
    Legacy {
        /// Which part.
        part: &'static str,
        /// What is there.
        found: String,
        /// What should be.
        expected: String,
    },
    /// The file was written on a big-endian machine.
    #[error("byte order: found {found}, expected little-endian numbers")]
    ByteOrder {
        /// What the file says.
        found: String,
    },
    /// The content is far larger than the file, as in a zip bomb.
    #[error(
        "{what}: found more than {limit} bytes, expected at most 16 times the file's size and 16 MiB"
    )]
    TooLarge {
        /// What is too large.
        what: String,
        /// The limit that was passed.
        limit: usize,
    },
    /// A bound of the state dict is passed: depth of dicts in dicts, entries, tensors, or a name's length.
    #[error("state dict: found {found}, expected {expected}")]
    Nesting {
        /// What is too deep or too much.
        found: String,
        /// The limit.
        expected: String,
    },
    /// The checkpoint's object is no dict, for instance a whole pickled module.
    #[error(
        "found {found}, expected a dict of tensors\nhint: save `model.state_dict()` instead of the model"
    )]
    NotADict {
        /// What it is.
        found: String,
    },
    /// The dict that should be the state dict holds no tensor.
    #[error("found {found}, expected a dict of tensors")]
    NoTensors {
        /// What is there instead.
        found: String,
    },
    /// Several entries look like the state dict.
    #[error(
        "found several state dicts ({found}), expected one\nhint: trainer import --entry NAME takes the one that is meant"
    )]
    SeveralStateDicts {
        /// Their keys.
        found: String,
    },
    /// There is no state dict under the key that the caller named.
    #[error("entry {key:?}: found {found}, expected a dict of tensors under that name")]
    NoSuchKey {
        /// The name.
        key: String,
        /// What is there.
        found: String,
    },
    /// Two tensors have the same name.
    #[error("tensor {name:?}: found it twice, expected every name once")]
    DuplicateName {
        /// The name.
        name: String,
    },
    /// One tensor's type, size or storage is wrong.
    #[error("tensor {name:?}: found {found}, expected {expected}")]
    Tensor {
        /// The tensor's name.
        name: String,
        /// What the file has.
        found: String,
        /// What is possible.
        expected: String,
    },
}
