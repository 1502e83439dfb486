//! `trainer import`: converts another program's weight file to safetensors with PyTorch's tensor names,
//! and checks that it has the tensors of the backbone it is for. Reading a file executes nothing in it
//! (see `checkpoint_file`).

use std::collections::HashSet;
use std::path::Path;

use sha2::{Digest, Sha256};
use tch::{Device, Kind, Tensor};

use crate::error::{Error, Result};
use crate::network::faults::Faults;
use crate::network::{Backbone, Model};
use crate::weights::checkpoint::{self, Metadata};
use crate::weights::checkpoint_file::{self, Dtype};
use crate::weights::origin;

/// What to do with a file that does not hold exactly the backbone's tensors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fit {
    /// Refuse it, listing every missing, unexpected and mis-shaped tensor.
    Strict,
    /// Take the tensors that fit; the others keep their initial values.
    Partial,
}

/// The options of an import.
#[derive(Clone, Debug)]
pub struct Request<'a> {
    /// The network it is for.
    pub backbone: Backbone,
    /// Whether all tensors must fit.
    pub fit: Fit,
    /// The key in a PyTorch checkpoint (a dict) under which the weights are; absent: the usual ones are
    /// tried, such as `state_dict`.
    pub entry: Option<&'a str>,
    /// The beginning of the file's SHA-256, in hex; absent: the one in its name, if there is one.
    pub sha256: Option<&'a str>,
    /// The licence of the weights, which goes into the file; absent: nothing goes there.
    pub license: Option<&'a str>,
}

/// The result of an import.
#[derive(Debug)]
pub struct Imported {
    /// Tensors written.
    pub n_tensors: usize,
    /// Outputs of the head; absent where the file has no head, which only [`Fit::Partial`] takes.
    pub n_classes: Option<usize>,
    /// SHA-256 of the file that was imported, in hex.
    pub sha256: String,
    /// With [`Fit::Partial`]: what was missing, unexpected or mis-shaped.
    pub faults: Faults,
}

/// ImageNet's number of classes, which is assumed for a file without head.
const USUAL_CLASSES: usize = 1000;
/// The most classes that a head may have. A network with a head of the file's size is built, so without
/// bounds a file could make the program ask for any amount of memory.
const MAX_CLASSES: i64 = 100_000;
/// The fewest weights for each class that a head may have. With fewer, a small file could have many classes.
const MIN_FEATURES: i64 = 256;

/// Converts the weight file `source` to the safetensors file `out`.
///
/// # Errors
/// A file that cannot be read; another checksum than asked for or than in its name (torch.hub's
/// convention, `resnet50-0676ba61.pth`); with [`Fit::Strict`], tensors that do not fit; a weight that
/// is non-finite or too large for 32 bits.
pub fn import(source: &Path, request: &Request, out: &Path) -> Result<Imported> {
    let (backbone, file) = (request.backbone, source.display().to_string());
    let bytes = fs_err::read(source)?;
    let sha256 = checksum(source, &bytes, request.sha256)?;
    let mut tensors = read(source, &bytes, request)?;
    drop(bytes);
    let [weight, bias @ ..] = backbone.head else {
        unreachable!("every backbone has a head")
    };
    let head = tensors.iter().find(|(name, _)| name == weight);
    let n_classes = head.map(|(_, weight)| match weight.size().first() {
        Some(&size)
            if (1..=MAX_CLASSES).contains(&size)
                && weight.numel() as i64 / size >= MIN_FEATURES =>
        {
            size as usize
        }
        _ => USUAL_CLASSES, // the head's shape is then refused, as it does not fit
    });
    // X-DNN's ImageNet head has no bias, the fine-tuned one has (SPEC D, H.17).
    if let (Some(n_classes), true) = (n_classes, backbone.is_homogeneous) {
        for name in bias {
            if tensors.iter().all(|(known, _)| known != name) {
                let zeros = Tensor::f_zeros([n_classes as i64], (Kind::Float, Device::Cpu))?;
                tensors.push(((*name).to_owned(), zeros));
            }
        }
    }
    let k = n_classes.unwrap_or(USUAL_CLASSES);
    let model = Model::new(backbone, k, 0, Device::Cpu, Kind::Float)?;
    let faults = match request.fit {
        Fit::Strict => {
            model.params.load(&tensors, &[], &file)?;
            Faults::default()
        }
        Fit::Partial => model.params.load_what_fits(&tensors, &file)?,
    };
    let mut metadata = Metadata::from([
        ("backbone".to_owned(), backbone.to_string()),
        (origin::SOURCE_SHA256.to_owned(), sha256.clone()),
    ]);
    if let Some(license) = request.license {
        metadata.insert(origin::LICENSE.to_owned(), license.to_owned());
    }
    let mut named = model.params.named();
    if n_classes.is_none() {
        named.retain(|(name, _)| !backbone.head.contains(&name.as_str()));
    }
    checkpoint::save(out, &named, &metadata)?;
    Ok(Imported {
        n_tensors: named.len(),
        n_classes,
        sha256,
        faults,
    })
}

/// Reads the file's weights and returns them under the backbone's tensor names, without
/// `num_batches_tracked`.
fn read(source: &Path, bytes: &[u8], request: &Request) -> Result<Vec<(String, Tensor)>> {
    let mut names = HashSet::new();
    let mut tensors = Vec::new();
    for tensor in checkpoint_file::parse(source, bytes, request.entry)? {
        let name = own_name(&tensor.name, request.backbone).to_owned();
        if name.ends_with("num_batches_tracked") {
            continue;
        }
        let kind = match tensor.dtype {
            Dtype::F64 => Kind::Double,
            Dtype::F32 => Kind::Float,
            Dtype::F16 => Kind::Half,
            Dtype::BF16 => Kind::BFloat16,
            other => {
                let found = format!("{other:?}");
                return Err(Error::invalid(
                    source,
                    tensor.name,
                    found,
                    "floating-point weights",
                ));
            }
        };
        if !names.insert(name.clone()) {
            let found = format!("another tensor that is {name} without its prefix");
            return Err(Error::invalid(source, tensor.name, found, "one"));
        }
        let size: Vec<i64> = tensor.shape.iter().map(|&size| size as i64).collect();
        let value = Tensor::f_from_data_size(&tensor.data, &size, kind)?;
        tensors.push((name, value));
    }
    Ok(tensors)
}

/// Returns the backbone's name for another program's tensor. It drops the prefix of data-parallel training
/// (`module.`), and for B-cos networks `0.`, the index of the network in the `Sequential` of network and
/// logit bias that the paper's code saves.
fn own_name(name: &str, backbone: Backbone) -> &str {
    let name = name.strip_prefix("module.").unwrap_or(name);
    match name.strip_prefix("0.") {
        Some(inner) if backbone.has_dynamic_weights => inner,
        _ => name,
    }
}

/// Returns the SHA-256 of `bytes` in hex. Refuses it if it does not begin with `asked` or, where that is
/// absent, with the digits in a file name like `resnet50-0676ba61.pth`.
fn checksum(path: &Path, bytes: &[u8], asked: Option<&str>) -> Result<String> {
    let sha256: String = Sha256::digest(bytes)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let (said, source) = match asked {
        Some(said) => (Some(said.to_ascii_lowercase()), "as --sha256 says"),
        None => (in_name(&name).map(str::to_owned), "as its name says"),
    };
    match said {
        Some(said) if !sha256.starts_with(&said) => Err(Error::invalid(
            path,
            "SHA-256",
            sha256.get(..said.len()).unwrap_or(&sha256),
            format!("{said}, {source}"),
        )),
        _ => Ok(sha256),
    }
}

/// Returns the 8 to 64 hexadecimal digits between the last hyphen and the first dot of a file name, unless
/// they are a date.
fn in_name(name: &str) -> Option<&str> {
    let (_, digits) = name.split('.').next()?.rsplit_once('-')?;
    let is_hex = digits.chars().all(|c| matches!(c, '0'..='9' | 'a'..='f'));
    let is_date = matches!(digits.len(), 8 | 12 | 14)
        && digits.starts_with("20")
        && digits.chars().all(|c| c.is_ascii_digit());
    ((8..=64).contains(&digits.len()) && is_hex && !is_date).then_some(digits)
}

#[cfg(test)]
mod tests {
    use super::in_name;

    #[test]
    fn a_checksum_in_a_name_is_told_from_a_date() {
        let cases = [
            ("resnet50-0676ba61.pth", Some("0676ba61")),
            ("densenet_121_long-5175461597.pth", Some("5175461597")),
            ("xfixup_resnet50_model_best.pth.tar", None),
            ("resnet50-20240315.pth", None),
            ("resnet50-20240315123045.pt", None),
            ("resnet50-fine-tuned.pth", None),
            ("resnet50-deadbee.pth", None),
            ("0676ba61.pth", None),
            ("", None),
        ];
        for (name, expected) in cases {
            assert_eq!(in_name(name), expected, "{name}");
        }
    }
}
