//! Weights on disk: safetensors files under PyTorch's names, written whole, read by name.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use safetensors::tensor::{Dtype, SafeTensors, TensorView};
use std::io::Write;
use tch::{Device, Kind, Tensor};

use crate::error::{Error, Result};

/// What a file says of its weights, e.g. `run_id`, `epoch`, `backbone`.
pub type Metadata = BTreeMap<String, String>;

/// The one metadata key of our files, holding a `key=value` line each: safetensors writes several
/// keys in hash order, and the same weights should be the same bytes.
const METADATA_KEY: &str = "guidance";

fn metadata_entry(metadata: &Metadata) -> HashMap<String, String> {
    let lines: Vec<String> = metadata
        .iter()
        .map(|(key, value)| format!("{key}={value}"))
        .collect();
    HashMap::from([(METADATA_KEY.to_owned(), lines.join("\n"))])
}

/// Writes `tensors` with `metadata`.
///
/// # Errors
/// The disk's, and libtorch's while copying from the device.
pub fn save(path: &Path, tensors: &[(String, Tensor)], metadata: &Metadata) -> Result<()> {
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
    let file = safetensors::serialize(views, Some(metadata_entry(metadata))).map_err(fault)?;
    data_prep::atomic::write(path, |writer| writer.write_all(&file).map_err(Error::from))
}

/// Tensors by name, in the order of the file, and its metadata.
pub type Loaded = (Vec<(String, Tensor)>, Metadata);

/// Reads a safetensors file onto the CPU.
///
/// # Errors
/// A file that is not there, cut short or of a number type libtorch does not know.
pub fn load(path: &Path) -> Result<Loaded> {
    let bytes = fs_err::read(path)?;
    let fault = |error: safetensors::SafeTensorError| {
        Error::invalid(path, "file", error.to_string(), "a safetensors file")
    };
    let (_, header) = SafeTensors::read_metadata(&bytes).map_err(fault)?;
    let file = SafeTensors::deserialize(&bytes).map_err(fault)?;
    let mut tensors = Vec::new();
    for (name, view) in file.iter() {
        let kind = kind(view.dtype()).ok_or_else(|| {
            Error::invalid(
                path,
                name,
                format!("{:?}", view.dtype()),
                "a number type of libtorch",
            )
        })?;
        let size: Vec<i64> = view.shape().iter().map(|&size| size as i64).collect();
        tensors.push((
            name.to_owned(),
            Tensor::f_from_data_size(view.data(), &size, kind)?,
        ));
    }
    let lines = header
        .metadata()
        .as_ref()
        .and_then(|keys| keys.get(METADATA_KEY));
    let pairs = lines
        .into_iter()
        .flat_map(|lines| lines.lines())
        .filter_map(|line| line.split_once('='));
    let metadata = pairs
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .collect();
    Ok((tensors, metadata))
}

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
