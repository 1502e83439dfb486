//! `trainer bcosify`: makes the weight file of a B-cosified network ([`crate::network::bcosified`]) of the
//! weights of the ordinary network. Its logits are the ordinary network's until it is fine-tuned.

use std::path::Path;

use tch::{Device, Kind, Tensor};

use crate::error::{Error, Result};
use crate::names::Layer;
use crate::network::bcosified::{self, PREFIX, PROGRESS};
use crate::network::graph::description::{self, Description};
use crate::network::graph::entry::entry;
use crate::network::{Backbone, Mode, Model};
use crate::weights::checkpoint;
use crate::weights::{described, head, origin};

/// Which networks can be B-cosified.
const EXPECTED: &str = "a network of convolutions, linear layers, batch norms, ReLU, ReLU6 and pooling, whose \
                        image goes into one convolution";

/// What was made.
#[derive(Debug)]
pub struct Bcosified {
    /// The B-cosified network.
    pub backbone: Backbone,
    /// Tensors written.
    pub n_tensors: usize,
}

/// Reads the weight file `source` and writes that of the network B-cosified to `out`.
///
/// # Errors
/// A file that cannot be read or names no network, and a network that cannot be B-cosified.
pub fn bcosify(source: &Path, out: &Path) -> Result<Bcosified> {
    let (mut tensors, mut metadata) = checkpoint::load(source)?;
    let ordinary = described::of_metadata(&metadata, source)?;
    let description = description::read(&metadata, source)?;
    let name = format!("{PREFIX}{ordinary}");
    let backbone = counterpart(ordinary, (name, description), &mut tensors, source)?;
    attempt(backbone, &tensors, source).map_err(|error| refused(error, source))?;
    let origin = origin::of_metadata(&metadata);
    for key in ["run_id", "epoch", description::KEY] {
        metadata.remove(key);
    }
    metadata.extend(origin);
    metadata.extend(described::metadata(backbone));
    checkpoint::save(out, &tensors, &metadata)?;
    Ok(Bcosified {
        backbone,
        n_tensors: tensors.len(),
    })
}

/// Returns `error` of a first run of the B-cosified network in the file `source`, as one that says which networks
/// can be B-cosified if an operation of it has no such form.
pub(crate) fn refused(error: Error, source: &Path) -> Error {
    match error {
        Error::Torch(reason) => Error::invalid(source, "network", reason.to_string(), EXPECTED),
        error => error,
    }
}

/// Returns the B-cosified counterpart, to be called `name`, of `ordinary`, the network of the file `source`, and
/// makes its `tensors` of the ordinary network's. `description` is the ordinary network's, where that is not in
/// the list.
///
/// # Errors
/// A network that cannot be B-cosified, as far as that is seen without running it.
pub(crate) fn counterpart(
    ordinary: Backbone,
    (name, description): (String, Option<Description>),
    tensors: &mut Vec<(String, Tensor)>,
    source: &Path,
) -> Result<Backbone> {
    let refused = || Error::invalid(source, "network", ordinary.to_string(), EXPECTED);
    let stem = ordinary.stem.ok_or_else(refused)?;
    for (name, tensor) in tensors.iter_mut() {
        if name == stem {
            *tensor = bcosified::widened(tensor, ordinary.encoding)?;
        }
    }
    let start = Tensor::f_zeros([1i64], (Kind::Float, Device::Cpu))?;
    tensors.push((PROGRESS.to_owned(), start));
    let Some(ordinary) = description else {
        return name.parse().map_err(|_: String| refused());
    };
    let description = Description {
        name,
        is_bcosified: true,
        ..ordinary
    };
    let text = description.to_json().map_err(|_| refused())?;
    Ok(Backbone::from(entry(&text, source)?))
}

/// Runs the network on two images of noise, as one on its way and as a B-cos network, forwards and backwards.
fn attempt(backbone: Backbone, tensors: &[(String, Tensor)], source: &Path) -> Result<()> {
    let found = tensors
        .iter()
        .find(|(name, _)| Some(&name.as_str()) == backbone.head.first());
    let n_classes = match found {
        Some((name, weight)) => {
            let n_classes = head::n_classes(weight, backbone, source)?;
            let found = || format!("{:?}", weight.size());
            n_classes.ok_or_else(|| Error::invalid(source, name, found(), "the head's weights"))?
        }
        None => 2,
    };
    let model = Model::new(backbone, n_classes, 0, Device::Cpu, Kind::Float)?;
    model
        .params
        .load(tensors, backbone.head, &source.display().to_string())?;
    let [height, width] = backbone.input.unwrap_or([64, 64]);
    let size = [2, 3, height as i64, width as i64];
    let images = Tensor::f_rand(size, (Kind::Float, Device::Cpu))?;
    let images = model.in_memory_format(backbone.encoding.encode(&images)?)?;
    for progress in [0.5, 1.0] {
        model.bcosify(progress)?;
        let _map = tch::no_grad(|| {
            let record = model.record(&images, Layer::Input, Mode::Eval)?;
            record.gradient(&record.logits().f_ones_like()?)
        })?;
    }
    Ok(())
}
