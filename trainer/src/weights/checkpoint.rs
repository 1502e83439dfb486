//! Reads and writes the project's own weight files: safetensors with PyTorch's tensor names. The files of a
//! training run (checkpoints, and states from which a stopped run resumes) hold a SHA-256 of themselves, so that a
//! damaged one is recognised.

use std::collections::{BTreeMap, HashMap};
use std::io::Write;
use std::path::Path;

use safetensors::tensor::{Dtype, SafeTensors, TensorView};
use sha2::{Digest, Sha256};
use tch::{Device, Kind, Tensor};

use crate::error::{Error, Result};
use crate::finite;
use crate::hex::hex;

/// A file's metadata by key, e.g. `run_id`, `epoch`, `backbone`.
pub type Metadata = BTreeMap<String, String>;

/// The only key in the `__metadata__` of the safetensors header. Its value has a line `key=value` for each entry
/// of the [`Metadata`]. If each entry had a key in the header, the crate `safetensors` would write them in random
/// order, and the same weights would not give the same bytes.
const METADATA_KEY: &str = "guidance";

/// The key of the line with the file's SHA-256 in hex. The hash is computed over the whole file with [`NO_HASH`]
/// in the place of these digits.
const HASH_KEY: &str = "sha256";
/// 64 zeros, as many digits as a hash has.
const NO_HASH: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// Returns `metadata` as the one entry of a safetensors header's `__metadata__`.
fn metadata_entry(metadata: &Metadata) -> HashMap<String, String> {
    let lines: Vec<String> = metadata
        .iter()
        .map(|(key, value)| format!("{key}={value}"))
        .collect();
    HashMap::from([(METADATA_KEY.to_owned(), lines.join("\n"))])
}

/// Writes `tensors` with `metadata` and without a hash: weight files that are no part of a run, whether imported,
/// B-cosified or exported, which other programs may write anew.
///
/// # Errors
/// Metadata of several lines; the disk's, and libtorch's while copying from the device.
pub fn save(path: &Path, tensors: &[(String, Tensor)], metadata: &Metadata) -> Result<()> {
    write(path, &serialized(path, tensors, metadata)?)
}

/// Writes `tensors` with `metadata` and a hash of the file, which the functions that read it check.
///
/// # Errors
/// As [`save`].
pub fn save_with_hash(
    path: &Path,
    tensors: &[(String, Tensor)],
    metadata: &Metadata,
) -> Result<()> {
    let mut metadata = metadata.clone();
    metadata.insert(HASH_KEY.to_owned(), NO_HASH.to_owned());
    let mut file = serialized(path, tensors, &metadata)?;
    // The line is there, as the metadata have it.
    if let Some((at, hash)) = hash(&file, NO_HASH) {
        file[at..at + hash.len()].copy_from_slice(hash.as_bytes());
    }
    write(path, &file)
}

/// Writes the bytes `file` to `path`, whole or not at all.
fn write(path: &Path, file: &[u8]) -> Result<()> {
    data_prep::atomic::write(path, |writer| writer.write_all(file).map_err(Error::from))
}

/// Returns the offset of the hash `digits` in `file`, and the hash that should stand there; `None` if the file has
/// no line with these digits.
fn hash(file: &[u8], digits: &str) -> Option<(usize, String)> {
    let line = format!("{HASH_KEY}={digits}");
    let (length, _) = file.split_first_chunk::<8>()?;
    let header = file.get(8..)?.get(..u64::from_le_bytes(*length) as usize)?;
    let start = header
        .windows(line.len())
        .position(|window| window == line.as_bytes())?;
    let end = 8 + start + line.len();
    let at = end - digits.len();
    let mut hasher = Sha256::new();
    hasher.update(&file[..at]);
    hasher.update(NO_HASH);
    hasher.update(&file[end..]);
    Some((at, hex(&hasher.finalize())))
}

/// Returns the bytes of a safetensors file. `path` is only named in errors.
fn serialized(path: &Path, tensors: &[(String, Tensor)], metadata: &Metadata) -> Result<Vec<u8>> {
    let is_one_line = |text: &str| !text.contains(['\n', '\r']);
    if let Some((key, value)) = metadata.iter().find(|(_, value)| !is_one_line(value)) {
        return Err(Error::invalid(
            path,
            key.as_str(),
            format!("{value:?}"),
            "one line",
        ));
    }
    let mut blobs = Vec::with_capacity(tensors.len());
    for (name, tensor) in tensors {
        let tensor = tensor
            .f_detach()?
            .f_to_device(Device::Cpu)?
            .f_contiguous()?;
        let dtype = dtype(tensor.kind()).ok_or_else(|| {
            Error::invalid(
                path,
                name.as_str(),
                format!("{:?}", tensor.kind()),
                "a number type of safetensors",
            )
        })?;
        let count = tensor.numel();
        let mut bytes = vec![0u8; count * tensor.kind().elt_size_in_bytes()];
        tensor.f_copy_data_u8(&mut bytes, count)?;
        let shape: Vec<usize> = tensor.size().iter().map(|&size| size as usize).collect();
        blobs.push((name.as_str(), dtype, shape, bytes));
    }
    let fault = |error: safetensors::SafeTensorError| {
        Error::invalid(
            path,
            "tensors",
            error.to_string(),
            "tensors of a safetensors file",
        )
    };
    let mut views = Vec::with_capacity(blobs.len());
    for (name, dtype, shape, bytes) in &blobs {
        views.push((
            *name,
            TensorView::new(*dtype, shape.clone(), bytes).map_err(fault)?,
        ));
    }
    safetensors::serialize(views, Some(metadata_entry(metadata))).map_err(fault)
}

/// A file's tensors with their names, in the file's order, and its metadata.
pub type Loaded = (Vec<(String, Tensor)>, Metadata);

/// Reads a safetensors file onto the CPU, and checks its hash if it has one. The metadata come without the hash.
///
/// # Errors
/// A file that is missing, damaged or cut short, or has a number type that is not in `KINDS` or a non-finite value.
pub fn load(path: &Path) -> Result<Loaded> {
    let bytes = fs_err::read(path)?;
    let mut metadata = read_metadata(path, &bytes)?;
    metadata.remove(HASH_KEY);
    Ok((tensors(path, &bytes)?, metadata))
}

/// Reads a file that [`save_with_hash`] wrote, and checks its hash.
///
/// # Errors
/// As [`load`], and a file without a hash. The metadata come without the hash.
pub fn load_with_hash(path: &Path) -> Result<Loaded> {
    let bytes = fs_err::read(path)?;
    let metadata = with_hash(path, read_metadata(path, &bytes)?)?;
    Ok((tensors(path, &bytes)?, metadata))
}

/// Reads only the metadata of a file, without the hash, which is checked if it has one.
///
/// # Errors
/// A file that is missing, damaged or cut short.
pub fn metadata(path: &Path) -> Result<Metadata> {
    let mut metadata = read_metadata(path, &fs_err::read(path)?)?;
    metadata.remove(HASH_KEY);
    Ok(metadata)
}

/// Reads only the metadata of a file that [`save_with_hash`] wrote, without the hash, which is checked over the whole
/// file.
///
/// # Errors
/// A file that is missing, damaged, cut short or without a hash.
pub fn metadata_with_hash(path: &Path) -> Result<Metadata> {
    with_hash(path, read_metadata(path, &fs_err::read(path)?)?)
}

/// Removes the hash from metadata; refuses those without one.
fn with_hash(path: &Path, mut metadata: Metadata) -> Result<Metadata> {
    match metadata.remove(HASH_KEY) {
        Some(_) => Ok(metadata),
        None => Err(Error::invalid(path, HASH_KEY, "nothing", "the file's hash")),
    }
}

/// Reads the tensors of the file `bytes`, and refuses non-finite values.
fn tensors(path: &Path, bytes: &[u8]) -> Result<Vec<(String, Tensor)>> {
    let fault = |error| not_safetensors(path, &error);
    let file = SafeTensors::deserialize(bytes).map_err(fault)?;
    let (_, header) = SafeTensors::read_metadata(bytes).map_err(fault)?;
    let mut tensors = Vec::new();
    for name in header.offset_keys() {
        let name = name.as_str();
        let view = file.tensor(name).map_err(fault)?;
        let kind = kind(view.dtype()).ok_or_else(|| {
            Error::invalid(
                path,
                name,
                format!("{:?}", view.dtype()),
                "a number type of libtorch",
            )
        })?;
        let size: Vec<i64> = view.shape().iter().map(|&size| size as i64).collect();
        let tensor = Tensor::f_from_data_size(view.data(), &size, kind)?;
        if let Some(found) = finite::first_non_finite(&tensor, wide(kind))? {
            return Err(Error::non_finite(path, name, &found));
        }
        tensors.push((name.to_owned(), tensor));
    }
    Ok(tensors)
}

/// Returns a type in which libtorch can compute and which represents every value of the floating-point type `kind`.
fn wide(kind: Kind) -> Kind {
    match kind {
        Kind::Double => Kind::Double,
        _ => Kind::Float,
    }
}

/// Reads the metadata of the file `bytes`, the hash included, after checking the hash if there is one.
fn read_metadata(path: &Path, bytes: &[u8]) -> Result<Metadata> {
    let (_, header) =
        SafeTensors::read_metadata(bytes).map_err(|error| not_safetensors(path, &error))?;
    let lines = header
        .metadata()
        .as_ref()
        .and_then(|keys| keys.get(METADATA_KEY));
    let pairs = lines
        .into_iter()
        .flat_map(|lines| lines.lines())
        .filter_map(|line| line.split_once('='));
    let metadata: Metadata = pairs
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .collect();
    if let Some(expected) = metadata.get(HASH_KEY) {
        let found = hash(bytes, expected).map_or("no such digits".to_owned(), |(_, hash)| hash);
        if found != *expected {
            return Err(Error::invalid(path, HASH_KEY, found, expected.as_str()));
        }
    }
    Ok(metadata)
}

fn not_safetensors(path: &Path, error: &safetensors::SafeTensorError) -> Error {
    Error::invalid(path, "file", error.to_string(), "a safetensors file")
}

/// The number types that a file may have, as safetensors and as libtorch name them.
const KINDS: [(Dtype, Kind); 9] = [
    (Dtype::F64, Kind::Double),
    (Dtype::F32, Kind::Float),
    (Dtype::F16, Kind::Half),
    (Dtype::BF16, Kind::BFloat16),
    (Dtype::I64, Kind::Int64),
    (Dtype::I32, Kind::Int),
    (Dtype::I16, Kind::Int16),
    (Dtype::U8, Kind::Uint8),
    (Dtype::BOOL, Kind::Bool),
];

fn kind(dtype: Dtype) -> Option<Kind> {
    KINDS
        .iter()
        .find(|(known, _)| *known == dtype)
        .map(|&(_, kind)| kind)
}

fn dtype(kind: Kind) -> Option<Dtype> {
    KINDS
        .iter()
        .find(|(_, known)| *known == kind)
        .map(|&(dtype, _)| dtype)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    /// A file reads back as it was written. Then every bit of it is flipped once, also in its header and the hash
    /// itself, and it is cut at every length: each time reading must fail.
    #[test]
    fn any_changed_bit_and_any_missing_byte_is_noticed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("weights.safetensors");
        let tensors = [("weight".to_owned(), Tensor::from_slice(&[1f32, -2.5]))];
        let metadata = Metadata::from([("epoch".to_owned(), "3".to_owned())]);
        save_with_hash(&path, &tensors, &metadata).unwrap();
        let (read, said) = load_with_hash(&path).unwrap();
        assert_eq!((&read[0].1, said["epoch"].as_str()), (&tensors[0].1, "3"));
        assert_eq!(load(&path).unwrap().1, metadata);

        let whole = std::fs::read(&path).unwrap();
        let damaged = folder.path().join("damaged.safetensors");
        for bit in 0..8 * whole.len() {
            let mut bytes = whole.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            std::fs::write(&damaged, bytes).unwrap();
            assert!(load_with_hash(&damaged).is_err(), "bit {bit}");
        }
        for length in 0..whole.len() {
            std::fs::write(&damaged, &whole[..length]).unwrap();
            assert!(load_with_hash(&damaged).is_err(), "{length} bytes");
        }
    }
}
