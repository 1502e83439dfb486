//! `trainer import`: converts another program's weight file to safetensors with PyTorch's tensor names,
//! and checks that it has the tensors of the network (backbone) that it is for. Reading a file executes nothing
//! in it (see `checkpoint_file`).

use std::collections::HashSet;
use std::path::Path;

use sha2::{Digest, Sha256};
use tch::{Device, Kind, Tensor};

use crate::error::{Error, Result};
use crate::network::faults::Faults;
use crate::network::graph::description::{self, Description};
use crate::network::graph::network::CONSTANT;
use crate::network::{Backbone, Model};
use crate::weights::checkpoint;
use crate::weights::checkpoint_file::{self, Dtype};
use crate::weights::{described, head, origin};

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
    /// The network that the weights are for.
    pub backbone: Backbone,
    /// The file that the network was imported to. Tensors of its graph that a state dict lacks are taken from there.
    /// Absent for a built-in network.
    pub network_file: Option<&'a Path>,
    /// Whether all tensors must fit.
    pub fit: Fit,
    /// The key in a PyTorch checkpoint (a dict) under which the weights are; absent: the usual ones are
    /// tried, such as `state_dict`.
    pub entry: Option<&'a str>,
    /// What the names of the network's tensors begin with in the file, such as `model.`; it is taken off, and other
    /// tensors are left out. Absent: names stay, and no tensor is left out.
    pub prefix: Option<&'a str>,
    /// The beginning of the file's SHA-256, in hex; absent: the one in its name, if there is one.
    pub sha256: Option<&'a str>,
    /// The licence of the weights, which goes into the file; absent: nothing goes there.
    pub license: Option<&'a str>,
}

/// The result of an import.
#[derive(Debug)]
pub struct Imported {
    /// The number of tensors written.
    pub n_tensors: usize,
    /// The number of the head's outputs; absent if the file has no head, which only [`Fit::Partial`] accepts.
    pub n_classes: Option<usize>,
    /// SHA-256 of the file that was imported, in hex.
    pub sha256: String,
    /// With [`Fit::Partial`]: what was missing, unexpected or mis-shaped.
    pub faults: Faults,
}

/// ImageNet's number of classes. It is assumed for a file without a head, or with one of an impossible shape.
const USUAL_CLASSES: usize = 1000;

/// Converts the weight file `source` to the safetensors file `out`.
///
/// # Errors
/// A file that cannot be read; another checksum than asked for or than in its name (torch.hub's
/// convention, `resnet50-0676ba61.pth`); with [`Fit::Strict`], tensors that do not fit; integers where the
/// network has floating-point numbers, or the reverse; a weight that is non-finite or too large for 32 bits.
pub fn import(source: &Path, request: &Request, out: &Path) -> Result<Imported> {
    let (backbone, file) = (request.backbone, source.display().to_string());
    let bytes = fs_err::read(source)?;
    let sha256 = checksum(source, &bytes, request.sha256)?;
    let mut tensors = read(source, &bytes, request)?;
    drop(bytes);
    if let Some(text) = backbone.description {
        let network = description::parse(text, source)?;
        under_first_names(&mut tensors, &network);
    }
    if let Some(file) = request.network_file {
        let (of_network, _) = checkpoint::load(file)?;
        let constants = of_network
            .into_iter()
            .filter(|(name, _)| name.starts_with(CONSTANT));
        tensors.extend(constants);
    }
    let [weight, bias @ ..] = backbone.head else {
        unreachable!("every backbone has a head")
    };
    let n_classes = match tensors.iter().find(|(name, _)| name == weight) {
        // An impossible shape then does not fit the network and is refused.
        Some((_, weight)) => {
            Some(head::n_classes(weight, backbone, source)?.unwrap_or(USUAL_CLASSES))
        }
        None => None,
    };
    // X-DNN's published head has no bias, ours has one (docs/SPEC.md D, H.17).
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
    check_kinds(&tensors, &model, source)?;
    let faults = match request.fit {
        Fit::Strict => {
            let loaded = model.params.load(&tensors, &[], &file);
            loaded.map_err(|error| with_prefix_hint(error, source, &tensors, &model, request))?;
            Faults::default()
        }
        Fit::Partial => {
            let loaded = model.params.load_what_fits(&tensors, &file);
            loaded.map_err(|error| with_prefix_hint(error, source, &tensors, &model, request))?
        }
    };
    let mut metadata = described::metadata(backbone);
    metadata.insert(origin::SOURCE_SHA256.to_owned(), sha256.clone());
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

/// Returns `error`. But if all names are the network's with the same prefix (the network was a part of another
/// module), returns an error that says how to take it off.
fn with_prefix_hint(
    error: Error,
    source: &Path,
    tensors: &[(String, Tensor)],
    model: &Model,
    request: &Request,
) -> Error {
    let is_known = |name: &str| {
        model
            .params
            .entries()
            .iter()
            .any(|param| param.name == name)
    };
    let starts = tensors.iter().map(|(name, _)| {
        let (start, rest) = name.split_once('.')?;
        is_known(rest).then_some(start)
    });
    let mut starts = starts.collect::<HashSet<_>>().into_iter();
    match (
        starts.next().flatten(),
        starts.next(),
        request.prefix,
        &error,
    ) {
        (Some(start), None, None, Error::Weights { .. }) => Error::invalid(
            source,
            "names of tensors",
            format!("all begin with `{start}.`"),
            format!(
                "names of {}; take it off with --prefix {start}.",
                request.backbone
            ),
        ),
        _ => error,
    }
}

/// Reads the file's weights and returns them under the backbone's tensor names, without counters.
fn read(source: &Path, bytes: &[u8], request: &Request) -> Result<Vec<(String, Tensor)>> {
    let mut names = HashSet::new();
    let mut tensors = Vec::new();
    for tensor in checkpoint_file::parse(source, bytes, request.entry)? {
        let Some(name) = own_name(&tensor.name, request.prefix, request.backbone) else {
            continue;
        };
        let name = name.to_owned();
        if is_counter(&name, tensor.dtype) {
            continue;
        }
        let kind = match tensor.dtype {
            Dtype::F64 => Kind::Double,
            Dtype::F32 => Kind::Float,
            Dtype::F16 => Kind::Half,
            Dtype::BF16 => Kind::BFloat16,
            Dtype::I64 => Kind::Int64,
            Dtype::I32 => Kind::Int,
            Dtype::I16 => Kind::Int16,
            Dtype::I8 => Kind::Int8,
            Dtype::U8 => Kind::Uint8,
            Dtype::Bool => Kind::Bool,
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

/// Gives tensors that a network from a file has under several names in its state dict the first of them, under which
/// the trainer keeps them; leaves out the repetitions.
fn under_first_names(tensors: &mut Vec<(String, Tensor)>, network: &Description) {
    for shared in &network.graph.tensors {
        for alias in &shared.aliases {
            let has_first = tensors.iter().any(|(name, _)| *name == shared.name);
            if let Some(index) = tensors.iter().position(|(name, _)| name == alias) {
                match has_first {
                    true => drop(tensors.remove(index)),
                    false => tensors[index].0.clone_from(&shared.name),
                }
            }
        }
    }
}

/// Refuses integers for a weight or buffer of floating-point numbers, and floating-point numbers for a buffer of
/// integers, such as a table of indices.
fn check_kinds(tensors: &[(String, Tensor)], model: &Model, source: &Path) -> Result<()> {
    for param in model.params.entries() {
        let Some((name, tensor)) = tensors.iter().find(|(name, _)| *name == param.name) else {
            continue;
        };
        let expected = match param.tensor.is_floating_point() {
            is_float if is_float == tensor.is_floating_point() => continue,
            true => "floating-point weights",
            false => "integers",
        };
        let found = format!("{:?}", tensor.kind()).to_lowercase();
        return Err(Error::invalid(source, name, found, expected));
    }
    Ok(())
}

/// The prefixes that data-parallel training and `torch.compile` put before the names of a network's tensors.
const WRAPPERS: [&str; 2] = ["module.", "_orig_mod."];

/// Returns the backbone's name for the tensor `name` of another program; `None` if it does not begin with `prefix`.
/// Takes off `prefix` and the prefixes of [`WRAPPERS`], in front of it and behind it, however often. For B-cos
/// networks it also takes off `0.`: the paper's code saves a `Sequential` of the network and the logit bias.
fn own_name<'a>(name: &'a str, prefix: Option<&str>, backbone: Backbone) -> Option<&'a str> {
    let name = match prefix {
        Some(prefix) => {
            let whole = name.strip_prefix(prefix);
            unwrapped(whole.or_else(|| unwrapped(name).strip_prefix(prefix))?)
        }
        None => unwrapped(name),
    };
    Some(match name.strip_prefix("0.") {
        Some(inner) if backbone.has_dynamic_weights => inner,
        _ => name,
    })
}

/// Returns `name` without prefixes of [`WRAPPERS`].
fn unwrapped(mut name: &str) -> &str {
    while let Some(inner) = WRAPPERS.iter().find_map(|start| name.strip_prefix(start)) {
        name = inner;
    }
    name
}

/// Whether a tensor counts batches or models, which no network reads: `num_batches_tracked` of batch norms and
/// `n_averaged` of averaged models.
fn is_counter(name: &str, dtype: Dtype) -> bool {
    let is_integer = matches!(
        dtype,
        Dtype::I64 | Dtype::I32 | Dtype::I16 | Dtype::I8 | Dtype::U8
    );
    let counts = ["num_batches_tracked", "n_averaged"];
    let own = name.rsplit('.').next().unwrap_or(name);
    own == counts[0] || (is_integer && counts.contains(&own))
}

/// Returns the SHA-256 of `bytes` in hex. Refuses the file if it does not begin with `asked` or, if that is
/// absent, with the digits in a file name like `resnet50-0676ba61.pth` (a name without digits is not checked).
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

/// Returns the 8 to 64 lower-case hexadecimal digits between the last hyphen and the first dot of a file name;
/// `None` if there are none, or if they look like a date (20…, of day, minute or second).
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
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn names_lose_what_wrappers_put_before_them() {
        let (plain, bcos) = (
            "resnet18".parse().unwrap(),
            "bcos_resnet18".parse().unwrap(),
        );
        let cases = [
            ("fc.weight", None, plain, Some("fc.weight")),
            ("module.fc.weight", None, plain, Some("fc.weight")),
            ("module.module.fc.weight", None, plain, Some("fc.weight")),
            ("_orig_mod.module.fc.weight", None, plain, Some("fc.weight")),
            (
                "module._orig_mod.module.fc.weight",
                None,
                plain,
                Some("fc.weight"),
            ),
            ("model.fc.weight", None, plain, Some("model.fc.weight")),
            ("model.fc.weight", Some("model."), plain, Some("fc.weight")),
            (
                "model._orig_mod.fc.weight",
                Some("model."),
                plain,
                Some("fc.weight"),
            ),
            (
                "_orig_mod.model.module.fc.weight",
                Some("model."),
                plain,
                Some("fc.weight"),
            ),
            (
                "module.backbone.fc.weight",
                Some("module.backbone."),
                plain,
                Some("fc.weight"),
            ),
            ("loss.weight", Some("model."), plain, None),
            ("0.fc.weight", None, plain, Some("0.fc.weight")),
            ("module.0.fc.weight", None, bcos, Some("fc.weight")),
        ];
        for (name, prefix, backbone, expected) in cases {
            assert_eq!(own_name(name, prefix, backbone), expected, "{name}");
        }
    }

    #[test]
    fn counters_of_any_integer_type_are_no_weights() {
        for dtype in [Dtype::I64, Dtype::I32, Dtype::U8] {
            assert!(is_counter("n_averaged", dtype));
            assert!(is_counter("bn1.num_batches_tracked", dtype));
        }
        assert!(is_counter("bn1.num_batches_tracked", Dtype::F32));
        assert!(!is_counter("n_averaged", Dtype::F32));
        assert!(!is_counter("fc.weight", Dtype::I64));
    }

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
