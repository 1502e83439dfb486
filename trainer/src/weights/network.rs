//! `trainer import` and `trainer describe` of a network that PyTorch exported (`torch.export.save`, a .pt2 file):
//! reads its graph and weights, finds its head (the layer that makes the logits) and the layers at which it can be
//! explained, and tries them on noise.

use std::path::Path;

use clap::ValueEnum;
use sha2::{Digest, Sha256};
use tch::{Device, Kind, Tensor};

use crate::error::{Error, Result};
use crate::hex::hex;
use crate::names::Layer;
use crate::network::bcosified::PREFIX;
use crate::network::graph::description::{Description, Explainable, VERSION};
use crate::network::graph::entry::entry;
use crate::network::graph::layers::find::{self, Candidate, Layers};
use crate::network::graph::layers::head::{self, Head};
use crate::network::graph::network::stored_name;
use crate::network::graph::problem::{GraphError, Problem};
use crate::network::graph::program::{Dtype, Graph};
use crate::network::{Backbone, Encoding, FeatureAxes, Mode, Model};
use crate::weights::checkpoint;
use crate::weights::exported::archive::Mapped;
use crate::weights::exported::lower::lower;
use crate::weights::exported::read::{Exported, read};
use crate::weights::exported::storage::View;
use crate::weights::{bcosify, described, origin};

/// How an exported network is to be taken.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct NetworkOptions {
    /// The network's name in tables and figures (default: that of the file)
    #[arg(long)]
    pub name: Option<String>,
    /// Means that are subtracted from the channels of an image in 0 to 1 (default: ImageNet's)
    #[arg(long, value_delimiter = ',', value_name = "R,G,B")]
    pub mean: Option<Vec<f64>>,
    /// Standard deviations that the channels are then divided by (default: ImageNet's)
    #[arg(long, value_delimiter = ',', value_name = "R,G,B")]
    pub std: Option<Vec<f64>>,
    /// Which channels the network takes (default: rgb; of one channel gray, of six inverse)
    #[arg(long)]
    pub channels: Option<Channels>,
    /// The module whose outputs are the logits (default: the last linear layer or 1×1 convolution)
    #[arg(long, value_name = "MODULE")]
    pub head: Option<String>,
    /// A layer and the module whose output it is, as in final=layer4; may be given several times
    /// (default: the ends of the stages)
    #[arg(long, value_name = "LAYER=MODULE", value_parser = layer)]
    pub layer: Vec<(Layer, String)>,
    /// Take it as a network that fine-tuning makes a B-cos network of
    #[arg(long)]
    pub bcosify: bool,
}

impl NetworkOptions {
    /// The name of the first option that is given; `None` if none is.
    pub fn first_given(&self) -> Option<&'static str> {
        let all = [
            ("--name", self.name.is_some()),
            ("--mean", self.mean.is_some()),
            ("--std", self.std.is_some()),
            ("--channels", self.channels.is_some()),
            ("--head", self.head.is_some()),
            ("--layer", !self.layer.is_empty()),
            ("--bcosify", self.bcosify),
        ];
        let mut given = all.into_iter().filter(|(_, is_given)| *is_given);
        given.next().map(|(option, _)| option)
    }
}

/// The channels that a network takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Channels {
    /// Red, green, blue
    Rgb,
    /// Blue, green, red
    Bgr,
    /// 0.299 red + 0.587 green + 0.114 blue
    Gray,
    /// Red, green, blue and one minus each, as B-cos networks take them
    Inverse,
}

/// Parses `LAYER=MODULE`.
fn layer(text: &str) -> Result<(Layer, String), String> {
    let Some((layer, module)) = text.split_once('=') else {
        return Err("expected LAYER=MODULE, as in final=layer4".to_owned());
    };
    let layer: Layer = layer.parse()?;
    match layer {
        Layer::Input => {
            Err("expected mid1, mid2, mid3 or final: the input is no module".to_owned())
        }
        layer => Ok((layer, module.to_owned())),
    }
}

/// An exported network, ready to be run.
#[derive(Debug)]
pub struct Network {
    /// The network as the rest of the trainer knows it.
    pub backbone: Backbone,
    /// Its graph, head, encoding and layers, as weight files describe it.
    pub description: Description,
    /// The layer that makes the logits.
    pub head: Head,
    /// All values of the graph at which it could be explained.
    pub candidates: Vec<Candidate>,
    /// Its weights and constants under their names in weight files.
    pub tensors: Vec<(String, Tensor)>,
    /// SHA-256 of the file, in hex.
    pub sha256: String,
}

/// Reads an exported network.
///
/// # Errors
/// A file that is no exported image classifier, has operators that are not known, or lacks a layer or head
/// that `options` name.
pub fn open(path: &Path, options: &NetworkOptions) -> Result<Network> {
    let wrong = |problem: Problem| {
        let path = path.to_owned();
        Error::Exported(GraphError::Content { path, problem })
    };
    let bytes = Mapped::open(path)?;
    let Exported { graph, tensors } = read(&bytes).map_err(wrong)?;
    let graph = lower(&graph).map_err(wrong)?;
    let head = match &options.head {
        Some(module) => head::find_head(&graph, module),
        None => head::head(&graph),
    };
    let head = head.map_err(wrong)?;
    let layers = Layers::of(&graph);
    let chosen = chosen(&layers, options).map_err(wrong)?;
    let description = describe(path, options, graph, &head, chosen)?;
    let text = description.to_json().map_err(|error| {
        Error::invalid(
            path,
            "network",
            error.to_string(),
            "a network that JSON can hold",
        )
    })?;
    let mut named = Vec::new();
    for tensor in &description.graph.tensors {
        let views = [&tensor.name].into_iter().chain(&tensor.aliases);
        if let Some(view) = views.filter_map(|name| tensors.get(name)).next() {
            named.push((stored_name(tensor), to_tensor(view)?));
        }
    }
    let mut backbone = Backbone::from(entry(&text, path)?);
    if options.bcosify {
        let of_bcosified = (description.name.clone(), Some(description.clone()));
        backbone = bcosify::counterpart(backbone, of_bcosified, &mut named, path)?;
    }
    Ok(Network {
        backbone,
        description,
        head,
        candidates: layers.candidates,
        tensors: named,
        sha256: hex(&Sha256::digest(&*bytes)),
    })
}

/// Returns the layers that `options` name, or the default ones if they name none, in the order of [`Layer`].
fn chosen<'a>(
    layers: &'a Layers,
    options: &NetworkOptions,
) -> Result<Vec<(Layer, &'a Candidate)>, Problem> {
    let mut chosen = Vec::new();
    for (layer, module) in &options.layer {
        chosen.push((*layer, layers.find(module)?));
    }
    if chosen.is_empty() {
        let usable = |candidate: &Candidate| candidate.reaches_logits;
        for (name, candidate) in layers.defaults(usable) {
            let layer = Layer::ALL.iter().find(|layer| layer.to_string() == name);
            chosen.extend(layer.map(|layer| (*layer, candidate)));
        }
    }
    chosen.sort_by_key(|(layer, _)| *layer);
    Ok(chosen)
}

/// Returns the description of a network with `graph`, its `head` and the `chosen` layers.
fn describe(
    path: &Path,
    options: &NetworkOptions,
    graph: Graph,
    head: &Head,
    chosen: Vec<(Layer, &Candidate)>,
) -> Result<Description> {
    let wrong = |field: &str, found: String, expected: &str| {
        Err(Error::invalid(path, field, found, expected))
    };
    for pair in chosen.windows(2) {
        let ((a, first), (b, second)) = (&pair[0], &pair[1]);
        if a == b {
            return wrong("--layer", format!("{a} twice"), "each layer once");
        }
        if first.value >= second.value {
            let found = format!("{a}={} behind {b}={}", first.module, second.module);
            return wrong("--layer", found, "layers in the order of the network");
        }
    }
    let [channels, height, width] = graph.image();
    let inputs = graph
        .tensors
        .iter()
        .find(|tensor| tensor.name == head.weight);
    let size = inputs.and_then(|tensor| graph.values[tensor.value].fixed_size());
    let layers = chosen.into_iter().map(|(layer, candidate)| Explainable {
        layer,
        module: candidate.module.clone(),
        value: candidate.value,
        form: match candidate.order {
            find::AxisOrder::ChannelsFirst => FeatureAxes::Map,
            find::AxisOrder::ChannelsLast => FeatureAxes::LastChannels,
            find::AxisOrder::Tokens { before } => FeatureAxes::Tokens {
                before,
                grid: candidate.grid,
            },
        },
    });
    Ok(Description {
        version: VERSION,
        name: name(path, options)?,
        input: [height, width],
        encoding: encoding(path, options, channels)?,
        head: [Some(&head.weight), head.bias.as_ref()]
            .into_iter()
            .flatten()
            .cloned()
            .collect(),
        head_inputs: size.map_or(1, |size| size.iter().skip(1).product()),
        layers: layers.collect(),
        is_bcosified: false,
        graph,
    })
}

/// Returns the network's name: the one that `options` give, else the file's name without its ending.
fn name(path: &Path, options: &NetworkOptions) -> Result<String> {
    let of_file = || {
        path.file_stem()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned()
    };
    let of_file = || match options.bcosify {
        true => format!("{PREFIX}{}", of_file()),
        false => of_file(),
    };
    let name = options.name.clone().unwrap_or_else(of_file);
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if name.is_empty() || !name.chars().all(is_plain) {
        return Err(Error::invalid(
            path,
            "name",
            format!("{name:?}"),
            "letters, digits, - _ and . (--name gives another)",
        ));
    }
    match name.parse::<Backbone>() {
        Ok(_) => Err(Error::invalid(
            path,
            "name",
            name,
            "one that no network of the trainer has (--name gives another)",
        )),
        Err(_) => Ok(name),
    }
}

/// Returns how an image becomes the input of a network with `n_channels` input channels. Mean and deviation are
/// ImageNet's unless given, for gray images the means of ImageNet's three.
fn encoding(path: &Path, options: &NetworkOptions, n_channels: i64) -> Result<Encoding> {
    let wrong = |field: &str, found: String, expected: String| {
        Err(Error::invalid(path, field, found, expected))
    };
    let channels = options.channels.unwrap_or(match n_channels {
        1 => Channels::Gray,
        6 => Channels::Inverse,
        _ => Channels::Rgb,
    });
    let expected = match channels {
        Channels::Gray => 1,
        Channels::Rgb | Channels::Bgr => 3,
        Channels::Inverse => 6,
    };
    if n_channels != expected {
        let found = format!("{n_channels} channels");
        let expected = match options.channels {
            Some(_) => format!("{expected}, as --channels says"),
            None => "1, 3 or 6".to_owned(),
        };
        return wrong("input", found, expected);
    }
    let [ours @ .., _] = [&options.mean, &options.std, &None];
    for (field, values) in ["--mean", "--std"].into_iter().zip(ours) {
        let Some(values) = values else { continue };
        let wanted = match channels {
            Channels::Inverse => {
                return wrong(field, "it".to_owned(), "none with six channels".to_owned());
            }
            Channels::Gray => 1,
            Channels::Rgb | Channels::Bgr => 3,
        };
        let is_right = |value: &f64| value.is_finite() && (field == "--mean" || *value > 0.0);
        if values.len() != wanted || !values.iter().all(is_right) {
            let found: Vec<String> = values.iter().map(f64::to_string).collect();
            let (what, example) = match (field, wanted) {
                ("--mean", 1) => ("1 number", "0.5"),
                ("--mean", _) => ("3 numbers", "0.5,0.5,0.5"),
                (_, 1) => ("1 number above 0", "0.5"),
                _ => ("3 numbers above 0", "0.5,0.5,0.5"),
            };
            return wrong(field, found.join(","), format!("{what}, as in {example}"));
        }
    }
    let Encoding::Normalised { mean, std } = Encoding::IMAGENET else {
        unreachable!("ImageNet's encoding has a mean")
    };
    let three = |given: &Option<Vec<f64>>, usual: [f64; 3]| {
        given
            .as_ref()
            .and_then(|given| given[..].try_into().ok())
            .unwrap_or(usual)
    };
    let one = |given: &Option<Vec<f64>>, usual: [f64; 3]| {
        given
            .as_ref()
            .map_or(usual.iter().sum::<f64>() / 3.0, |given| given[0])
    };
    let reversed = |[a, b, c]: [f64; 3]| [c, b, a];
    Ok(match channels {
        Channels::Rgb => Encoding::Normalised {
            mean: three(&options.mean, mean),
            std: three(&options.std, std),
        },
        Channels::Bgr => Encoding::Reversed {
            mean: three(&options.mean, reversed(mean)),
            std: three(&options.std, reversed(std)),
        },
        Channels::Gray => Encoding::Gray {
            mean: one(&options.mean, mean),
            std: one(&options.std, std),
        },
        Channels::Inverse => Encoding::WithInverse,
    })
}

/// Copies a tensor of the file.
fn to_tensor(view: &View) -> Result<Tensor> {
    let kind = match view.dtype {
        Dtype::Uint8 => Kind::Uint8,
        Dtype::Int8 => Kind::Int8,
        Dtype::Int16 => Kind::Int16,
        Dtype::Int32 => Kind::Int,
        Dtype::Int64 => Kind::Int64,
        Dtype::Float16 => Kind::Half,
        Dtype::Float32 => Kind::Float,
        Dtype::Float64 => Kind::Double,
        Dtype::Bfloat16 => Kind::BFloat16,
        Dtype::Bool => Kind::Bool,
    };
    Ok(Tensor::f_from_data_size(
        &view.contiguous(),
        &view.size,
        kind,
    )?)
}

/// What running a network on noise showed.
#[derive(Clone, Debug)]
pub struct Tried {
    /// The layers at which the gradient of the logits is zero in all places: nothing can be explained there.
    pub blind: Vec<Layer>,
    /// Why the network cannot be guided (trained with a loss on its own explanations); `None` if it can.
    pub unguided: Option<String>,
}

/// Runs the network on two images of noise: forward to the logits, back to each layer, and, at the last layer, the
/// derivative of that backward pass with respect to the weights, as guidance needs it.
///
/// # Errors
/// A network that cannot be run, or gives non-finite logits; one that is taken as B-cosified but has an operation that
/// has no such form.
pub fn attempt(network: &Network, path: &Path) -> Result<Tried> {
    let tried = on_noise(network, path);
    tried.map_err(|error| match network.backbone.is_bcosified {
        true => bcosify::refused(error, path),
        false => error,
    })
}

/// As [`attempt`], with libtorch's own errors.
fn on_noise(network: &Network, path: &Path) -> Result<Tried> {
    let backbone = network.backbone;
    let n_classes = network.head.n_classes;
    let model = Model::new(backbone, n_classes as usize, 0, Device::Cpu, Kind::Float)?;
    // The head stays random: the file's may be all zeros (as torchvision's fresh ViT's is), and all gradients with it.
    let is_head = |name: &str| backbone.head.contains(&name);
    let body: Vec<(String, Tensor)> = network
        .tensors
        .iter()
        .filter(|(name, _)| !is_head(name))
        .map(|(name, tensor)| (name.clone(), tensor.shallow_clone()))
        .collect();
    let file = path.display().to_string();
    model.params.load(&body, backbone.head, &file)?;
    model.bcosify(1.0)?; // most is asked of it then
    let [channels, height, width] = network.description.graph.image();
    let channels = match backbone.is_bcosified {
        true => 6,
        false => channels,
    };
    let images = Tensor::f_rand([2, channels, height, width], (Kind::Float, Device::Cpu))?;
    let mut tried = Tried {
        blind: Vec::new(),
        unguided: None,
    };
    for &layer in backbone.layers {
        let features = tch::no_grad(|| model.features(&images, layer, Mode::Eval))?;
        let record = tch::no_grad(|| model.record(&features, layer, Mode::Eval))?;
        let logits = record.logits();
        if logits.size() != [2, n_classes] {
            let found = format!("{:?}", logits.size());
            return Err(Error::invalid(
                path,
                "logits of 2 images",
                found,
                format!("[2, {n_classes}]"),
            ));
        }
        if logits.f_isfinite()?.f_all()?.f_int64_value(&[])? == 0 {
            return Err(Error::invalid(
                path,
                "logits of noise",
                "non-finite ones",
                "finite numbers",
            ));
        }
        let gradient = tch::no_grad(|| record.gradient(&logits.f_ones_like()?))?;
        let on_map = model.feature_axes(layer).on_map(&gradient)?;
        if on_map.f_abs()?.f_max()?.f_double_value(&[])? == 0.0 {
            tried.blind.push(layer);
        }
    }
    let Some(&last) = backbone.layers.last() else {
        return Ok(tried);
    };
    // The derivative of the squared Input × Gradient at the last layer with respect to the weights.
    let twice = || {
        let features = model.features(&images, last, Mode::Eval)?;
        let record = model.record(&features, last, Mode::Eval)?;
        let gradient = record.gradient(&record.logits().f_ones_like()?)?;
        let map = gradient.f_mul(&features)?.f_square()?.f_sum(None::<Kind>)?;
        let weights = model.params.trained();
        Tensor::f_run_backward(&[map], &weights.iter().collect::<Vec<_>>(), false, false)
    };
    tried.unguided = twice().err().map(|error| Error::from(error).to_string());
    Ok(tried)
}

/// Writes the network to `out`, a weight file that carries its graph.
///
/// # Errors
/// The disk's.
pub fn write(network: &Network, license: Option<&str>, out: &Path) -> Result<()> {
    let mut metadata = described::metadata(network.backbone);
    metadata.insert(origin::SOURCE_SHA256.to_owned(), network.sha256.clone());
    if let Some(license) = license {
        metadata.insert(origin::LICENSE.to_owned(), license.to_owned());
    }
    checkpoint::save(out, &network.tensors, &metadata)
}
