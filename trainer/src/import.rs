//! `trainer import`: another program's weight file to safetensors under PyTorch's names, checked
//! against the backbone; `trainer export`: back, under the names that the other program loads.
//! Reading a file executes nothing in it (see `checkpoint_file`).

use std::path::Path;

use sha2::{Digest, Sha256};
use tch::{Device, Kind, Tensor};

use crate::backbone::Model;
use crate::checkpoint::{self, Metadata};
use crate::checkpoint_file;
use crate::error::{Error, Result};
use crate::names::Backbone;
use crate::run::FinishedRun;

/// What to do with a file that does not hold exactly the backbone's tensors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fit {
    /// Refuse it, listing every missing, unexpected and mis-shaped tensor.
    Strict,
    /// Take what fits; the rest keeps its initial values.
    Partial,
}

/// What an import found.
#[derive(Debug)]
pub struct Imported {
    /// Tensors written.
    pub n_tensors: usize,
    /// Outputs of the head.
    pub n_classes: usize,
    /// SHA-256 of the source file, in hex.
    pub sha256: String,
    /// With [`Fit::Partial`]: what was missing, unexpected or mis-shaped.
    pub faults: Vec<String>,
}

/// Converts `source` to `out`.
///
/// # Errors
/// A file that cannot be read or whose name holds another checksum than its content (torch.hub's
/// convention, `resnet50-0676ba61.pth`); with [`Fit::Strict`], tensors that do not fit.
pub fn import(source: &Path, backbone: Backbone, fit: Fit, out: &Path) -> Result<Imported> {
    let bytes = fs_err::read(source)?;
    let sha256 = check_name(source, &bytes)?;
    let mut tensors = Vec::new();
    for tensor in checkpoint_file::parse(source, &bytes, None)? {
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
        let name = own_name(&tensor.name, backbone);
        let value = Tensor::f_from_data_size(&tensor.data, &size, kind)?;
        if !name.ends_with("num_batches_tracked") {
            tensors.push((name.to_owned(), value.f_to_kind(Kind::Float)?));
        }
    }
    let [weight, bias @ ..] = Model::head_names(backbone) else {
        unreachable!("every backbone has a head")
    };
    let n_classes = match tensors.iter().find(|(name, _)| name == weight) {
        Some((_, weight)) => weight.size().first().map_or(0, |&size| size as usize),
        None => {
            return Err(Error::Weights {
                file: source.display().to_string(),
                faults: format!("missing {weight}"),
            });
        }
    };
    // X-DNN's ImageNet head has no bias, the fine-tuned one has (SPEC D, H.17).
    if backbone.is_homogeneous() {
        for name in bias {
            if tensors.iter().all(|(known, _)| known != name) {
                let zeros = Tensor::f_zeros([n_classes as i64], (Kind::Float, Device::Cpu))?;
                tensors.push(((*name).to_owned(), zeros));
            }
        }
    }
    let model = Model::new(backbone, n_classes, 0, Device::Cpu, Kind::Float);
    let faults = match fit {
        Fit::Strict => {
            let file = source.display().to_string();
            model.params.load(&tensors, &[], &file)?;
            Vec::new()
        }
        Fit::Partial => model.params.load_what_fits(&tensors)?,
    };
    let metadata = Metadata::from([
        ("backbone".to_owned(), backbone.to_string()),
        ("source_sha256".to_owned(), sha256.clone()),
    ]);
    let named = model.params.named();
    checkpoint::save(out, &named, &metadata)?;
    Ok(Imported {
        n_tensors: named.len(),
        n_classes,
        sha256,
        faults,
    })
}

/// Our name of another program's tensor: without the wrapper of data-parallel training, and for
/// B-cos networks without the place in the sequence of network and logit bias.
fn own_name(name: &str, backbone: Backbone) -> &str {
    let name = name.strip_prefix("module.").unwrap_or(name);
    match name.strip_prefix("0.") {
        Some(inner) if backbone.is_bcos() => inner,
        _ => name,
    }
}

/// The SHA-256 of `bytes`, which must begin as a file name like `resnet50-0676ba61.pth` says.
fn check_name(path: &Path, bytes: &[u8]) -> Result<String> {
    let sha256: String = Sha256::digest(bytes)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let stem = name.split('.').next().unwrap_or_default();
    let said = stem.rsplit_once('-').map_or("", |(_, said)| said);
    let is_hash =
        (8..=64).contains(&said.len()) && said.chars().all(|c| matches!(c, '0'..='9' | 'a'..='f'));
    if is_hash && !sha256.starts_with(said) {
        return Err(Error::invalid(
            path,
            "SHA-256",
            &sha256[..said.len()],
            format!("{said}, as its name says"),
        ));
    }
    Ok(sha256)
}

/// Writes the weights of a kept epoch of `run` under the names that torchvision, the X-DNN code or
/// the `bcos` package give them, counters included, each name behind `prefix` (default: what the
/// package's model has). Gives the number of tensors.
///
/// # Errors
/// An epoch that was not kept, and the disk's.
pub fn export(
    run: &FinishedRun,
    epoch: Option<i32>,
    prefix: Option<&str>,
    out: &Path,
) -> Result<usize> {
    let epoch = epoch.unwrap_or(run.best_f1_epoch);
    let (tensors, metadata) = checkpoint::load(&run.checkpoint_file(epoch)?)?;
    let prefix = prefix.unwrap_or_else(|| run.backbone.package_prefix());
    let mut exported = Vec::with_capacity(tensors.len());
    for (name, tensor) in tensors {
        if let Some(norm) = name.strip_suffix("running_var") {
            let counter = Tensor::f_zeros([0i64; 0], (Kind::Int64, Device::Cpu))?;
            exported.push((format!("{prefix}{norm}num_batches_tracked"), counter));
        }
        exported.push((format!("{prefix}{name}"), tensor));
    }
    checkpoint::save(out, &exported, &metadata)?;
    Ok(exported.len())
}
