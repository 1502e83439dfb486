//! Tells the format of a weight file (zip, legacy or safetensors) by its first bytes and reads its tensors.

use std::path::Path;

use super::problem::{CheckpointError, Problem};
use super::tensor::{Dtype, NamedTensor};
use super::torch_file;

/// Reads all tensors of the state dict in the file `path`: those of a PyTorch checkpoint in its order, those
/// of a safetensors file sorted by name.
///
/// A PyTorch checkpoint is a dict. Its state dict is the entry under `state_dict`, `model`,
/// `model_state_dict` or `net`, or, without such an entry, the whole dict. `state_dict_key` names another
/// entry, or one of several. The tensors of a dict inside the state dict get names joined with dots.
pub fn read(
    path: &Path,
    state_dict_key: Option<&str>,
) -> Result<Vec<NamedTensor>, CheckpointError> {
    let bytes = fs_err::read(path).map_err(CheckpointError::Read)?;
    parse(path, &bytes, state_dict_key)
}

/// Does the same as [`read`] with a file's `bytes` in memory. `path` is only named in errors.
pub fn parse(
    path: &Path,
    bytes: &[u8],
    state_dict_key: Option<&str>,
) -> Result<Vec<NamedTensor>, CheckpointError> {
    // A zip entry's header; a safetensors file's JSON after its length of 8 bytes; a pickle's first opcode.
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

/// Returns the first bytes of a file as text for a message.
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
