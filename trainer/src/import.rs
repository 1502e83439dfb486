//! `trainer import`: another program's weight file to safetensors under PyTorch's names, checked
//! against the backbone. Reading it executes nothing (see `checkpoint_file`).

use std::path::Path;

use sha2::{Digest, Sha256};
use tch::{Device, Kind, Tensor};

use crate::backbone::Model;
use crate::checkpoint::{self, Metadata};
use crate::checkpoint_file;
use crate::error::{Error, Result};
use crate::names::Backbone;

/// Converts `source` to `out`; gives the number of tensors and of classes.
///
/// # Errors
/// A file that cannot be read, or tensors missing, unexpected or mis-shaped for the backbone: all
/// are listed.
pub fn import(source: &Path, backbone: Backbone, out: &Path) -> Result<(usize, usize)> {
    let mut tensors = Vec::new();
    for tensor in checkpoint_file::read(source, None)? {
        let size: Vec<i64> = tensor.shape.iter().map(|&size| size as i64).collect();
        let kind = match tensor.dtype {
            checkpoint_file::Dtype::F64 => Kind::Double,
            checkpoint_file::Dtype::F32 => Kind::Float,
            checkpoint_file::Dtype::F16 => Kind::Half,
            checkpoint_file::Dtype::BF16 => Kind::BFloat16,
            checkpoint_file::Dtype::I64 => Kind::Int64,
            other => {
                return Err(Error::invalid(
                    source,
                    tensor.name,
                    format!("{other:?}"),
                    "floating-point weights or i64 counters",
                ));
            }
        };
        let name = tensor
            .name
            .strip_prefix("module.")
            .unwrap_or(&tensor.name)
            .to_owned();
        let value = Tensor::f_from_data_size(&tensor.data, &size, kind)?;
        if !name.ends_with("num_batches_tracked") {
            tensors.push((name, value.f_to_kind(Kind::Float)?));
        }
    }
    let head = Model::head_names(backbone)[0];
    let n_classes = match tensors.iter().find(|(name, _)| name == head) {
        Some((_, weight)) => weight.size().first().map_or(0, |&size| size as usize),
        None => {
            return Err(Error::Weights {
                file: source.display().to_string(),
                faults: format!("missing {head}"),
            });
        }
    };
    let model = Model::new(backbone, n_classes, 0, Device::Cpu, Kind::Float);
    model
        .params
        .load(&tensors, &[], &source.display().to_string())?;
    let digest: String = Sha256::digest(fs_err::read(source)?)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let metadata = Metadata::from([
        ("backbone".to_owned(), backbone.to_string()),
        ("source_sha256".to_owned(), digest),
    ]);
    checkpoint::save(out, &tensors, &metadata)?;
    Ok((tensors.len(), n_classes))
}
