//! B-cosified networks (Arya et al. 2024; docs/SPEC.md D): ordinary networks that become B-cos networks by
//! fine-tuning. Each has the layers and tensor names of the network it comes from, with a first convolution
//! for six channels and a tensor that says how far it is on its way. What its layers do otherwise is in
//! `network/pass/bcosified.rs`.

use std::sync::LazyLock;

use tch::{TchError, Tensor};

use crate::network::architecture::{Architecture, Encoding, LUMA, MemoryFormat};
use crate::network::architectures;
use crate::network::params::Params;
use crate::network::stages::Network;

/// What the names of B-cosified networks begin with.
pub const PREFIX: &str = "bcosified_";

/// The tensor (1) that says how far a network is on its way: 0 the ordinary network, 1 the B-cos network.
pub const PROGRESS: &str = "bcosification";

/// ln(0.1 / 0.9): the logit of a class without evidence, in a network that is all B-cos.
pub const LOGIT_BIAS: f64 = -2.197_224_577_336_219_6;

/// The B-cosified networks of those in the list, in its order.
pub fn entries() -> impl Iterator<Item = &'static Architecture> {
    static ENTRIES: LazyLock<Vec<&'static Architecture>> = LazyLock::new(|| {
        let all = architectures::ALL.iter();
        let made = all.filter_map(|entry| of(entry, format!("{PREFIX}{}", entry.name)));
        made.map(|entry| &*Box::leak(Box::new(entry))).collect()
    });
    ENTRIES.iter().copied()
}

/// Returns the entry of the network that is called `name` and is `entry` B-cosified; `None` where that cannot
/// be.
pub fn of(entry: &Architecture, name: String) -> Option<Architecture> {
    let (stem, build) = (entry.stem?, entry.build);
    let title = format!("B-cosified {}", entry.title);
    Some(Architecture {
        name: Box::leak(name.into_boxed_str()),
        title: Box::leak(title.into_boxed_str()),
        encoding: Encoding::WithInverse,
        is_homogeneous: false,
        has_dynamic_weights: true,
        stem: None,
        is_bcosified: true,
        cpu_memory_format: MemoryFormat::Contiguous,
        gpu_memory_format: MemoryFormat::Contiguous,
        build: Box::leak(Box::new(
            move |p: &mut Params, n_classes| -> Box<dyn Network> {
                p.take_six_channels(stem);
                let network = build(p, n_classes);
                let _of_the_model = p.buffer(PROGRESS.to_owned(), &[1], 1.0);
                network
            },
        )),
        ..*entry
    })
}

/// Returns the weights (out, 6, …) of a first convolution of r, g, b, 1 − r, 1 − g, 1 − b that gives what
/// `weight` (out, C, …) gives of an image encoded as `encoding`: w (1 − mean) / deviation and −w mean /
/// deviation, for gray each times the colour's share.
///
/// # Errors
/// libtorch's, such as another number of channels.
pub fn widened(weight: &Tensor, encoding: Encoding) -> Result<Tensor, TchError> {
    let (weight, mean, std, shares) = match encoding {
        Encoding::WithInverse => return Ok(weight.shallow_clone()),
        Encoding::Normalised { mean, std } => (weight.shallow_clone(), mean, std, [1.0; 3]),
        Encoding::Reversed { mean, std } => {
            let reversed = |[b, g, r]: [f64; 3]| [r, g, b];
            let weight = weight.f_flip([1i64].as_slice())?;
            (weight, reversed(mean), reversed(std), [1.0; 3])
        }
        Encoding::Gray { mean, std } => (weight.f_repeat([1, 3, 1, 1])?, [mean; 3], [std; 3], LUMA),
    };
    let factor = |factor: &dyn Fn(usize) -> f64| {
        let factors = [0, 1, 2].map(|c| factor(c) * shares[c] / std[c]);
        let factors = Tensor::f_from_slice(&factors)?.f_to_kind(weight.kind())?;
        weight.f_mul(&factors.f_view([1, 3, 1, 1])?)
    };
    let (colours, inverses) = (factor(&|c| 1.0 - mean[c])?, factor(&|c| -mean[c])?);
    Tensor::f_cat(&[colours, inverses], 1)
}
