//! Reads the tensors of a weight file: what `torch.save` writes (the zip format and the older one
//! before it) and safetensors.
//!
//! A PyTorch checkpoint is a pickle, which is a program. It is read here as data: nothing the file
//! names is imported, called or looked up, objects of unknown classes are passed over, and the work
//! and memory a file can ask for are bounded by its size. A damaged or hostile file gives an error
//! with the file, what was found and what was expected.
//!
//! Names come out as they stand in the file. What they mean to a backbone, prefixes such as
//! `module.` and conversions of type are the importer's.

mod pickle;
mod state_dict;
mod tensor;
mod torch_file;
mod value;

use std::path::{Path, PathBuf};

pub use tensor::{Dtype, NamedTensor};

/// Reads all tensors of the state dict in `path`, in the file's order for PyTorch checkpoints.
///
/// The format is told from the content, not the name. In a PyTorch checkpoint the state dict is what
/// the file holds under `state_dict`, `model`, `model_state_dict` or `net`, else the whole file;
/// `state_dict_key` names another entry, or picks one where several are there. Dicts inside the state
/// dict are flattened with dots.
pub fn read(
    path: &Path,
    state_dict_key: Option<&str>,
) -> Result<Vec<NamedTensor>, CheckpointError> {
    let bytes = fs_err::read(path).map_err(CheckpointError::Read)?;
    parse(path, &bytes, state_dict_key)
}

/// [`read`], for a file that is in memory. `path` is only named in errors.
pub fn parse(
    path: &Path,
    bytes: &[u8],
    state_dict_key: Option<&str>,
) -> Result<Vec<NamedTensor>, CheckpointError> {
    let tensors = if bytes.starts_with(b"PK\x03\x04") {
        torch_file::read_zip(bytes, state_dict_key)
    } else if bytes.get(8) == Some(&b'{') {
        read_safetensors(bytes, state_dict_key)
    } else if bytes.first() == Some(&0x80) {
        torch_file::read_legacy(bytes, state_dict_key)
    } else {
        Err(Problem::UnknownFormat {
            found: first_bytes(bytes),
        })
    };
    tensors.map_err(|problem| CheckpointError::Content {
        path: path.to_owned(),
        problem,
    })
}

fn first_bytes(bytes: &[u8]) -> String {
    match bytes {
        [] => "nothing".into(),
        _ => format!("\"{}\"", bytes[..bytes.len().min(12)].escape_ascii()),
    }
}

fn read_safetensors(
    bytes: &[u8],
    state_dict_key: Option<&str>,
) -> Result<Vec<NamedTensor>, Problem> {
    if let Some(key) = state_dict_key {
        return Err(Problem::NoSuchKey {
            key: key.into(),
            found: "a safetensors file, which has no entries but tensors".into(),
        });
    }
    let file = safetensors::SafeTensors::deserialize(bytes).map_err(Problem::Safetensors)?;
    let mut tensors = Vec::with_capacity(file.len());
    for (name, view) in file.iter() {
        let Some(dtype) = Dtype::from_safetensors(view.dtype()) else {
            return Err(Problem::Tensor {
                name: name.into(),
                found: format!("dtype {:?}", view.dtype()),
                expected: Dtype::expected(),
            });
        };
        tensors.push(NamedTensor {
            name: name.into(),
            dtype,
            shape: view.shape().to_vec(),
            data: view.data().to_vec(),
        });
    }
    if tensors.is_empty() {
        return Err(Problem::NoTensors {
            found: "a safetensors file without tensors".into(),
        });
    }
    tensors.sort_by(|a, b| a.name.cmp(&b.name)); // the crate's own order differs from call to call
    Ok(tensors)
}

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
    /// None of the three formats.
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
    #[error("zip archive, {entry}: found {found}, expected a stored or deflated entry")]
    Zip {
        /// The entry, or the directory of entries.
        entry: String,
        /// What the zip reader says.
        found: String,
    },
    /// An entry of the zip archive is missing or there more than once.
    #[error("zip archive: found {found}, expected {expected}")]
    Entries {
        /// The entries that are there.
        found: String,
        /// The entry that should be.
        expected: String,
    },
    /// The pickle breaks off, is inconsistent or uses what `torch.save` does not.
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
    /// Written on a big-endian machine.
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
    /// Dicts in dicts without end.
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
    /// No tensor in the place where the state dict should be.
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
    /// The entry that the caller named is not there.
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
        /// Its name.
        name: String,
        /// What it says.
        found: String,
        /// What it may say.
        expected: String,
    },
}
