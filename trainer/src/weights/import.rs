//! `trainer import`: converts another program's weight file to safetensors with PyTorch's tensor names,
//! and checks that it has the tensors of the network (backbone) that it is for. Reading a file executes nothing
//! in it (see `checkpoint_file`).

use std::collections::HashSet;
use std::iter;
use std::path::Path;

use sha2::{Digest, Sha256};
use tch::{Device, Kind, Tensor};

use crate::error::{Error, Result};
use crate::network::faults::Faults;
use crate::network::graph::description::{self, Description};
use crate::network::graph::network::{CONSTANT, stored_name};
use crate::network::graph::program::GraphTensor;
use crate::network::{Backbone, Model};
use crate::weights::checkpoint;
use crate::weights::checkpoint_file::{self, Dtype, NamedTensor};
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
    /// tensors are left out. Absent: only `module.` and the like are taken off, where the network's own names lack
    /// them, and only counters that the network lacks are left out.
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
    /// The number of the head's outputs; absent if the file has no head that fits, which only [`Fit::Partial`]
    /// accepts. No head is written then.
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
/// network has floating-point numbers, or the reverse; different values under the names of one tensor; a weight
/// that is non-finite or too large for 32 bits.
pub fn import(source: &Path, request: &Request, out: &Path) -> Result<Imported> {
    let (backbone, file) = (request.backbone, source.display().to_string());
    let bytes = fs_err::read(source)?;
    let sha256 = checksum(source, &bytes, request.sha256)?;
    let network = description::read(&described::metadata(backbone), source)?;
    let own = network.as_ref().map(own_names).unwrap_or_default();
    let mut found = read(source, &bytes, request, &own)?;
    drop(bytes);
    if let Some(network) = &network {
        under_first_names(&mut found, network, source)?;
    }
    let mut tensors = converted(found)?;
    let mut n_constants = 0;
    if let Some(file) = request.network_file {
        let (mut of_network, _) = checkpoint::load(file)?;
        of_network.retain(|(name, _)| name.starts_with(CONSTANT));
        n_constants = of_network.len();
        tensors.extend(of_network);
    }
    let [weight, bias @ ..] = backbone.head else {
        unreachable!("every backbone has a head")
    };
    let n_classes = match tensors.iter().find(|(name, _)| name == weight) {
        // A weight of an impossible shape does not fit a head of this many classes either.
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
    let loaded = match request.fit {
        Fit::Strict => {
            let loaded = model.params.load(&tensors, &[], &file);
            loaded.map(|()| Faults::default())
        }
        Fit::Partial => match model.params.load_what_fits(&tensors, &file) {
            // Nothing fits but the network's own constants, which are not from the file.
            Ok(faults) if faults.n_fit <= n_constants => Err(Error::Weights { file, faults }),
            loaded => loaded,
        },
    };
    let faults = loaded
        .map_err(|error| with_prefix_hint(error, &tensors, (&model, &own), source, request))?;
    // A head that lacks a part, or has one of another shape, has random values there.
    let n_classes = n_classes.filter(|_| backbone.head.iter().all(|name| faults.fits(name)));
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
/// module), returns an error that says how to take it off. `own` are the names of [`own_names`].
///
/// Constants are passed over: they are from the network's own file, without the prefix.
fn with_prefix_hint(
    error: Error,
    tensors: &[(String, Tensor)],
    (model, own): (&Model, &HashSet<String>),
    source: &Path,
    request: &Request,
) -> Error {
    let entries = model.params.entries().iter();
    let of_model = entries.map(|param| param.name.as_str());
    let known: HashSet<&str> = own.iter().map(String::as_str).chain(of_model).collect();
    let names = tensors.iter().map(|(name, _)| name.as_str());
    let names: Vec<&str> = names.filter(|name| !name.starts_with(CONSTANT)).collect();
    match (prefix_of_all(&names, &known), request.prefix, &error) {
        (Some(prefix), None, Error::Weights { .. }) => Error::invalid(
            source,
            "names of tensors",
            format!("all begin with `{prefix}`"),
            format!(
                "names of {}; take it off with --prefix {prefix}",
                request.backbone
            ),
        ),
        _ => error,
    }
}

/// Returns the shortest prefix, ending in a dot, behind which all `names` are among the `known` ones; `None` if there
/// is none.
fn prefix_of_all<'a>(names: &[&'a str], known: &HashSet<&str>) -> Option<&'a str> {
    let first = *names.first()?;
    let mut prefixes = first.match_indices('.').map(|(dot, _)| &first[..=dot]);
    prefixes.find(|prefix| {
        let mut behind = names.iter().map(|name| name.strip_prefix(*prefix));
        behind.all(|name| name.is_some_and(|name| known.contains(name)))
    })
}

/// Returns the names that the tensors of a network from a file have in weight files: all of each, counters included.
fn own_names(network: &Description) -> HashSet<String> {
    let tensors = network.graph.tensors.iter();
    let names = tensors.flat_map(|tensor| {
        let aliases = tensor.aliases.iter().cloned();
        [stored_name(tensor)].into_iter().chain(aliases)
    });
    names.collect()
}

/// Reads the file's weights and returns them under the backbone's tensor names, without counters that it lacks. `own`
/// are the names of [`own_names`].
fn read(
    source: &Path,
    bytes: &[u8],
    request: &Request,
    own: &HashSet<String>,
) -> Result<Vec<NamedTensor>> {
    let mut names = HashSet::new();
    let mut tensors = Vec::new();
    for tensor in checkpoint_file::parse(source, bytes, request.entry)? {
        let name = own_name(&tensor.name, request.prefix, request.backbone, own);
        let Some(name) = name.map(str::to_owned) else {
            continue;
        };
        if is_counter(&name) && !own.contains(&name) {
            continue;
        }
        if !names.insert(name.clone()) {
            let found = format!("another tensor that is {name} without its prefix");
            return Err(Error::invalid(source, tensor.name, found, "one"));
        }
        tensors.push(NamedTensor { name, ..tensor });
    }
    Ok(tensors)
}

/// Gives tensors that a network from a file has under several names in its state dict the first of them, under which
/// the trainer keeps them; leaves out the repetitions.
///
/// # Errors
/// A repetition with other values.
fn under_first_names(
    tensors: &mut Vec<NamedTensor>,
    network: &Description,
    source: &Path,
) -> Result<()> {
    let owned = network.graph.tensors.iter();
    let shared = owned.filter(|tensor| !tensor.aliases.is_empty());
    for GraphTensor { name, aliases, .. } in shared {
        let names = [name].into_iter().chain(aliases);
        let places = names.filter_map(|name| tensors.iter().position(|known| known.name == *name));
        let places: Vec<usize> = places.collect();
        let [place, others @ ..] = &places[..] else {
            continue;
        };
        let first = &tensors[*place];
        for other in others.iter().map(|&other| &tensors[other]) {
            // Bytes are compared, as NaN would not equal itself.
            if (other.dtype, &other.shape, &other.data) != (first.dtype, &first.shape, &first.data)
            {
                let found = format!("other values than those of {}", first.name);
                let expected = "the same, as both are names of one tensor of the network";
                return Err(Error::invalid(source, other.name.as_str(), found, expected));
            }
        }
        tensors[*place].name.clone_from(name);
        tensors.retain(|tensor| !aliases.contains(&tensor.name));
    }
    Ok(())
}

/// Returns the tensors as libtorch's, with their names.
fn converted(tensors: Vec<NamedTensor>) -> Result<Vec<(String, Tensor)>> {
    let tensors = tensors.into_iter().map(|tensor| {
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
        let size: Vec<i64> = tensor.shape.iter().map(|&size| size as i64).collect();
        let value = Tensor::f_from_data_size(&tensor.data, &size, kind)?;
        Ok((tensor.name, value))
    });
    tensors.collect()
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

/// Returns the prefixes that data-parallel training, averaging of models and `torch.compile` put before the names of a
/// network's tensors. For the paper's B-cos networks `0.` is one, too: the paper's code saves a `Sequential` of the
/// network and the logit bias.
fn wrappers(backbone: Backbone) -> &'static [&'static str] {
    match backbone.has_dynamic_weights && !backbone.is_bcosified {
        true => &["module.", "_orig_mod.", "0."],
        false => &["module.", "_orig_mod."],
    }
}

/// Returns the backbone's name for the tensor `name` of another program; `None` if it does not begin with `prefix`.
/// Takes off `prefix` and the [`wrappers`], in front of it and behind it, however often; but behind it only until the
/// name is among `own`, those of [`own_names`]. A built-in network needs none: its names begin with no wrapper.
fn own_name<'a>(
    name: &'a str,
    prefix: Option<&str>,
    backbone: Backbone,
    own: &HashSet<String>,
) -> Option<&'a str> {
    let wrappers = wrappers(backbone);
    let name = match prefix {
        Some(prefix) => unwrapped(name, wrappers).find_map(|name| name.strip_prefix(prefix))?,
        None => name,
    };
    let known = unwrapped(name, wrappers).find(|name| own.contains(*name));
    known.or_else(|| unwrapped(name, wrappers).last())
}

/// Returns `name`, then `name` without the first of `wrappers` that it begins with, without the first two, and so on.
fn unwrapped<'a>(
    name: &'a str,
    wrappers: &'static [&'static str],
) -> impl Iterator<Item = &'a str> {
    iter::successors(Some(name), move |name| {
        wrappers.iter().find_map(|start| name.strip_prefix(start))
    })
}

/// Whether a tensor of this name counts batches or models: `num_batches_tracked` of batch norms and `n_averaged` of
/// averaged models. Its type does not matter, as programs that convert all tensors of a file convert counters, too.
fn is_counter(name: &str) -> bool {
    let own = name.rsplit('.').next().unwrap_or(name);
    ["num_batches_tracked", "n_averaged"].contains(&own)
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
            (
                "_orig_mod.module.module.backbone.fc.weight",
                Some("module.backbone."),
                plain,
                Some("fc.weight"),
            ),
            ("loss.weight", Some("model."), plain, None),
            ("0.fc.weight", None, plain, Some("0.fc.weight")),
            ("module.0.fc.weight", None, bcos, Some("fc.weight")),
        ];
        for (name, prefix, backbone, expected) in cases {
            let found = own_name(name, prefix, backbone, &HashSet::new());
            assert_eq!(found, expected, "{name}");
        }
    }

    /// The names of a network that was exported as a wrapper, and that of a layer of a `Sequential`.
    #[test]
    fn names_keep_what_those_of_the_network_begin_with() {
        let own = HashSet::from(["module.fc.weight", "0.weight"].map(str::to_owned));
        let (plain, bcos) = (
            "resnet18".parse().unwrap(),
            "bcos_resnet18".parse().unwrap(),
        );
        let cases = [
            ("module.fc.weight", None, plain, "module.fc.weight"),
            ("module.module.fc.weight", None, plain, "module.fc.weight"),
            (
                "_orig_mod.module.fc.weight",
                None,
                plain,
                "module.fc.weight",
            ),
            (
                "module.model._orig_mod.module.fc.weight",
                Some("model."),
                plain,
                "module.fc.weight",
            ),
            ("module.fc.bias", None, plain, "fc.bias"),
            ("module.0.weight", None, bcos, "0.weight"),
        ];
        for (name, prefix, backbone, expected) in cases {
            let found = own_name(name, prefix, backbone, &own);
            assert_eq!(found, Some(expected), "{name}");
        }
    }

    #[test]
    fn counters_are_told_by_their_names() {
        for name in ["n_averaged", "bn1.num_batches_tracked", "0.n_averaged"] {
            assert!(is_counter(name), "{name}");
        }
        for name in ["fc.weight", "n_averaged.weight", "bn1.n_averaged_images"] {
            assert!(!is_counter(name), "{name}");
        }
    }

    #[test]
    fn the_prefix_of_all_names_is_found() {
        let known = HashSet::from(["fc.weight", "layer.0.weight"]);
        let cases: [(&[&str], Option<&str>); 6] = [
            (&["model.fc.weight", "model.layer.0.weight"], Some("model.")),
            (&["a.b.fc.weight", "a.b.layer.0.weight"], Some("a.b.")),
            (&["a.fc.weight", "b.layer.0.weight"], None),
            (&["a.fc.weight", "a.loss.weight"], None),
            (&["fc.weight"], None),
            (&[], None),
        ];
        for (names, expected) in cases {
            assert_eq!(prefix_of_all(names, &known), expected, "{names:?}");
        }
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
