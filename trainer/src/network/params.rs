//! Holds the named tensors of a network, weights and buffers, under PyTorch's names. While a network is
//! built, it creates its tensors in a [`Params`] and keeps shallow clones of them. The optimizer and the
//! checkpoint files work with the tensors in `Params`. Initial values depend only on the seed and the name.

use std::collections::HashMap;

use tch::{Device, Kind, Tensor};

use crate::error::{Error, Result};
use crate::finite::{self, Found};
use crate::network::faults::{Fault, Faults};
use crate::random;

/// How a tensor starts when no weights are given. Normal distributions have mean 0. fan_in and fan_out are the
/// input and output channels of a convolution times the cells of its kernel.
#[derive(Clone, Copy, Debug)]
pub enum Init {
    /// Normal with variance 2 / fan_out: torchvision's convolutions.
    KaimingNormalFanOut,
    /// Normal with variance 2 / fan_in: DenseNet's convolutions.
    KaimingNormalFanIn,
    /// Uniform in ±1/√fan_in, where fan_in is given: PyTorch's default for linear layers.
    UniformFanIn(i64),
    /// Normal with variance 2 / fan_out · n_blocks^(−1 / n_branch): the fixup initialisation of X-DNN, for all
    /// convolutions of a residual branch but its last.
    Fixup {
        /// The number of residual blocks of the network.
        n_blocks: usize,
        /// The number of convolutions of the branch without its last.
        n_branch: usize,
    },
    /// Normal with this standard deviation: ConvNeXt's. (torchvision also truncates it at ±2. That is 100
    /// standard deviations and has no effect.)
    Normal(f64),
    /// A constant.
    Constant(f64),
}

/// One named tensor.
#[derive(Debug)]
pub struct Param {
    /// PyTorch's name, e.g. `layer1.0.conv1.weight`.
    pub name: String,
    /// The tensor; networks hold shallow clones of it.
    pub tensor: Tensor,
    /// Whether the optimizer trains it (false: a buffer such as `running_mean`).
    pub is_trained: bool,
}

/// All tensors of one network, in the order in which it asked for them.
#[derive(Debug)]
pub struct Params {
    entries: Vec<Param>,
    seed: u64,
    device: Device,
    kind: Kind,
    /// The weight that gets six input channels; `None`: none does.
    six_channels: Option<&'static str>,
}

impl Params {
    /// Returns a collection without tensors. Those added later are of type `kind` and initialised from
    /// `seed`; [`Params::take_to_device`] moves them to `device`.
    pub fn new(seed: u64, device: Device, kind: Kind) -> Self {
        Params {
            entries: Vec::new(),
            seed,
            device,
            kind,
            six_channels: None,
        }
    }

    /// Gives the weight `name` of a convolution, which is asked for later, six input channels.
    pub fn take_six_channels(&mut self, name: &'static str) {
        self.six_channels = Some(name);
    }

    /// Where the tensors live.
    pub fn device(&self) -> Device {
        self.device
    }

    /// The number type of the tensors.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// The tensors in order.
    pub fn entries(&self) -> &[Param] {
        &self.entries
    }

    /// The trained tensors, in order.
    pub fn trained(&self) -> Vec<Tensor> {
        self.entries
            .iter()
            .filter(|p| p.is_trained)
            .map(|p| p.tensor.shallow_clone())
            .collect()
    }

    /// Adds a tensor that the optimizer trains, with the initial values `init`; returns a shallow clone.
    pub fn weight(&mut self, name: String, shape: &[i64], init: Init) -> Tensor {
        if self.six_channels == Some(name.as_str())
            && let [c_out, _, kernel @ ..] = shape
        {
            let shape = [&[*c_out, 6], kernel].concat();
            return self.add(name, &shape, init, true);
        }
        self.add(name, shape, init, true)
    }

    /// Adds a buffer, filled with `value`; returns a shallow clone.
    pub fn buffer(&mut self, name: String, shape: &[i64], value: f64) -> Tensor {
        self.add(name, shape, Init::Constant(value), false)
    }

    /// Adds a buffer of zeros of another number type than the network's, such as a table of indices; returns
    /// a shallow clone.
    pub fn fixed(&mut self, name: String, shape: &[i64], kind: Kind) -> Tensor {
        let tensor = Tensor::zeros(shape, (kind, Device::Cpu));
        let clone = tensor.shallow_clone();
        self.entries.push(Param {
            name,
            tensor,
            is_trained: false,
        });
        clone
    }

    fn add(&mut self, name: String, shape: &[i64], init: Init, is_trained: bool) -> Tensor {
        let values = initial_values(&name, shape, init, self.seed);
        let tensor = Tensor::from_slice(&values)
            .reshape(shape)
            .to_kind(self.kind)
            .set_requires_grad(is_trained);
        let clone = tensor.shallow_clone();
        self.entries.push(Param {
            name,
            tensor,
            is_trained,
        });
        clone
    }

    /// Moves the tensors, which are made on the CPU, to their device.
    ///
    /// # Errors
    /// libtorch's, such as too little memory there.
    pub fn take_to_device(&mut self) -> Result<(), tch::TchError> {
        for param in &mut self.entries {
            let moved = param.tensor.f_detach()?.f_to_device(self.device)?;
            param.tensor.f_set_data(&moved)?;
        }
        Ok(())
    }

    /// Copies of the buffers as they are now, for [`Params::restore_buffers`].
    ///
    /// # Errors
    /// libtorch's.
    pub fn copy_buffers(&self) -> Result<Vec<Tensor>> {
        let buffers = self.entries.iter().filter(|param| !param.is_trained);
        let copies = buffers.map(|param| {
            let mut copy = param.tensor.f_zeros_like()?;
            copy.f_copy_(&param.tensor)?;
            Ok(copy)
        });
        copies.collect()
    }

    /// Restores the buffers from `copies`, which [`Params::copy_buffers`] returned.
    ///
    /// # Errors
    /// libtorch's.
    pub fn restore_buffers(&self, copies: &[Tensor]) -> Result<()> {
        let buffers = self.entries.iter().filter(|param| !param.is_trained);
        copy(buffers.zip(copies).collect())
    }

    /// Returns the name of the first trained tensor whose part of `gradient` has a non-finite value; `None` if
    /// all are finite. `gradient` is one vector: the gradients of all trained tensors, in order, joined.
    ///
    /// # Errors
    /// libtorch's.
    pub fn first_non_finite(&self, gradient: &Tensor) -> Result<Option<&str>> {
        let mut offset = 0;
        for param in self.entries.iter().filter(|param| param.is_trained) {
            let count = param.tensor.numel() as i64;
            let part = gradient.f_narrow(0, offset, count)?;
            if part.f_isfinite()?.f_all()?.f_int64_value(&[])? == 0 {
                return Ok(Some(&param.name));
            }
            offset += count;
        }
        Ok(None)
    }

    /// All tensors by name.
    pub fn named(&self) -> Vec<(String, Tensor)> {
        self.entries
            .iter()
            .map(|param| (param.name.clone(), param.tensor.shallow_clone()))
            .collect()
    }

    /// Copies the tensors of `source`, read from `file`, into those of the same name. The tensors named in
    /// `head` keep their values if the file has them for another number of classes, or has none of them.
    ///
    /// # Errors
    /// Missing, unexpected and mis-shaped tensors, all listed; a value that is non-finite, or becomes so in
    /// this number type. `num_batches_tracked`, a counter of PyTorch's batch norms, is ignored.
    pub fn load(&self, source: &[(String, Tensor)], head: &[&str], file: &str) -> Result<()> {
        let (copies, mut faults) = self.matched(source);
        let is_head = |fault: &Fault| head.contains(&fault.name.as_str());
        let n_missing = faults.missing.iter().filter(|fault| is_head(fault)).count();
        if n_missing == head.len() {
            faults.missing.retain(|fault| !is_head(fault));
        }
        faults.misshapen.retain(|fault| !is_head(fault));
        if !faults.is_empty() {
            return Err(Error::Weights {
                file: file.to_owned(),
                faults,
            });
        }
        self.check(&copies, file)?;
        copy(copies)
    }

    /// Copies those tensors of `source` whose name and shape fit; returns which were missing, unexpected or
    /// mis-shaped.
    ///
    /// # Errors
    /// If no tensor fits; a non-finite value, as in [`Params::load`].
    pub fn load_what_fits(&self, source: &[(String, Tensor)], file: &str) -> Result<Faults> {
        let (copies, faults) = self.matched(source);
        if copies.is_empty() {
            return Err(Error::Weights {
                file: file.to_owned(),
                faults,
            });
        }
        self.check(&copies, file)?;
        copy(copies)?;
        Ok(faults)
    }

    /// Refuses given tensors with a non-finite value.
    fn check(&self, copies: &[(&Param, &Tensor)], file: &str) -> Result<()> {
        for (param, tensor) in copies {
            if let Some(found) = finite::first_non_finite(tensor, self.kind)? {
                return Err(Error::non_finite(file, &param.name, &found));
            }
        }
        Ok(())
    }

    /// Returns the name of the first tensor with a non-finite value, and the value; `None` if there is none.
    ///
    /// # Errors
    /// libtorch's.
    pub fn first_spoilt(&self) -> Result<Option<(&str, Found)>> {
        for param in &self.entries {
            if let Some(found) = finite::first_non_finite(&param.tensor, self.kind)? {
                return Ok(Some((&param.name, found)));
            }
        }
        Ok(None)
    }

    /// Returns the network's and the given tensors that have the same name and shape, as pairs, and the
    /// faults of the others.
    fn matched<'a>(
        &'a self,
        source: &'a [(String, Tensor)],
    ) -> (Vec<(&'a Param, &'a Tensor)>, Faults) {
        let mut given: HashMap<&str, &Tensor> = source
            .iter()
            .map(|(name, tensor)| (name.as_str(), tensor))
            .collect();
        let mut faults = Faults::default();
        let mut copies = Vec::new();
        for param in &self.entries {
            match given.remove(param.name.as_str()) {
                None => faults.missing.push(Fault::new(&param.name, "")),
                Some(tensor) if tensor.size() == param.tensor.size() => {
                    copies.push((param, tensor));
                }
                Some(tensor) => {
                    let (found, expected) = (tensor.size(), param.tensor.size());
                    let shapes = format!(" {found:?} instead of {expected:?}");
                    faults.misshapen.push(Fault::new(&param.name, &shapes));
                }
            }
        }
        faults.unexpected = given
            .into_keys()
            .filter(|name| !name.ends_with("num_batches_tracked"))
            .map(|name| Fault::new(name, ""))
            .collect();
        faults.unexpected.sort();
        faults.n_fit = copies.len();
        (copies, faults)
    }
}

/// Copies the second of each pair into the first.
fn copy(pairs: Vec<(&Param, &Tensor)>) -> Result<()> {
    tch::no_grad(|| {
        for (param, tensor) in pairs {
            param.tensor.shallow_clone().f_copy_(tensor)?;
        }
        Ok(())
    })
}

/// Returns the initial values of a tensor of `shape`, row-major.
fn initial_values(name: &str, shape: &[i64], init: Init, seed: u64) -> Vec<f64> {
    let count = shape.iter().product::<i64>() as u64;
    let stream = random::draw(seed, "init", 0, name);
    match init {
        Init::Normal(std) => (0..count).map(|i| std * normal(stream, i)).collect(),
        Init::Constant(value) => vec![value; count as usize],
        Init::UniformFanIn(fan_in) => {
            let bound = 1.0 / (fan_in as f64).sqrt();
            (0..count)
                .map(|i| (2.0 * random::unit(stream, i) - 1.0) * bound)
                .collect()
        }
        Init::KaimingNormalFanOut => {
            let std = kaiming_fan_out(shape);
            (0..count).map(|i| std * normal(stream, i)).collect()
        }
        Init::KaimingNormalFanIn => {
            let fan_in = shape[1..].iter().product::<i64>();
            let std = (2.0 / fan_in as f64).sqrt();
            (0..count).map(|i| std * normal(stream, i)).collect()
        }
        Init::Fixup { n_blocks, n_branch } => {
            let depth = (n_blocks as f64).powf(-0.5 / n_branch as f64);
            let std = kaiming_fan_out(shape) * depth;
            (0..count).map(|i| std * normal(stream, i)).collect()
        }
    }
}

/// √(2 / fan_out) of a convolution's weight (out, in, kernel, kernel).
fn kaiming_fan_out(shape: &[i64]) -> f64 {
    let fan_out = shape[0] * shape[2..].iter().product::<i64>();
    (2.0 / fan_out as f64).sqrt()
}

/// Returns number `i` of a stream of standard normal numbers, by Box–Muller from two uniform ones.
fn normal(stream: u64, i: u64) -> f64 {
    let radius = (-2.0 * (1.0 - random::unit(stream, 2 * i)).ln()).sqrt();
    radius * (std::f64::consts::TAU * random::unit(stream, 2 * i + 1)).cos()
}
