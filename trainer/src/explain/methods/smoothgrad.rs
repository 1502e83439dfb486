//! The attribution method SmoothGrad (Smilkov et al. 2017): the mean of Input × Gradient over noisy features,
//! (1/n) Σ_i Σ_c φ^i_c · ∂f_k/∂φ^i_c at φ^i = φ + ε^i, as captum computes it by NoiseTunnel around
//! InputXGradient. The noise ε is normal; its standard deviation is a share of the range (greatest minus least
//! value) of the image's features, as Smilkov et al. have it. It is drawn from the image's id, so it is the same
//! in every batch, and for all networks whose features have the same shape.

use rayon::prelude::*;
use tch::{TchError, Tensor};

use crate::explain::attribution::{Attribution, over_channels};
use crate::explain::gradients::{DynamicWeights, Gradients, Order};
use crate::machine::device;
use crate::random;

/// The number n of noisy copies of the features. More change little (section 3.2 of Smilkov et al.).
const SAMPLES: u64 = 50;
/// The noise's standard deviation divided by the range of the features; Smilkov et al. take 10 to 20 %.
const NOISE: f64 = 0.15;

/// The method. It is defined for every network, but only for explaining.
pub const SMOOTHGRAD: Attribution = Attribution {
    name: "smoothgrad",
    title: "SmoothGrad",
    dynamic_weights: DynamicWeights::Differentiated,
    refusal: |_, order| {
        (order == Order::Second).then(|| "smoothgrad explains and does not guide".to_owned())
    },
    maps,
};

fn maps(gradients: &Gradients, cotangent: &Tensor) -> Result<Tensor, TchError> {
    let features = gradients.features().f_detach()?;
    let axes = [1i64, 2, 3];
    let range = features
        .f_amax(axes, true)?
        .f_sub(&features.f_amin(axes, true)?)?;
    let deviation = range.f_mul_scalar(NOISE)?;
    let streams = gradients.streams("smoothgrad");
    let size = features.size();
    let mut sum = Tensor::f_zeros(
        [size[0], size[2], size[3]],
        (features.kind(), features.device()),
    )?;
    for sample in 0..SAMPLES {
        let noise = noise(&streams, sample, &features)?;
        let noisy = features.f_add(&noise.f_mul(&deviation)?)?;
        let gradient = gradients.gradient_at(&noisy, cotangent)?;
        sum.f_add_(&over_channels(&noisy, &gradient)?).map(drop)?;
    }
    sum.f_div_scalar(SAMPLES as f64)
}

/// Returns standard normal numbers of the shape of `like` for noisy copy number `sample`; those of each image
/// are drawn from its own stream of random numbers.
fn noise(streams: &[u64], sample: u64, like: &Tensor) -> Result<Tensor, TchError> {
    let count = (like.numel() / streams.len().max(1)) as u64;
    let number = |at: u64| {
        let stream = streams[(at / count) as usize];
        random::normal(stream, sample * count + at % count)
    };
    let noise: Vec<f64> = (0..like.numel() as u64)
        .into_par_iter()
        .map(number)
        .collect();
    let noise = Tensor::f_from_slice(&noise)?.f_to_kind(like.kind())?;
    device::upload(&noise, like.device())?.f_view(like.size().as_slice())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use tch::{Device, Kind};

    use super::*;
    use crate::explain::attribution::Explainable;
    use crate::explain::methods::ixg::IXG;
    use crate::names::Layer;
    use crate::network::{Mode, Model};

    /// Returns the maps of class 1 by `method` from `features` at the final layer of a ResNet-18.
    fn maps(method: Attribution, features: &Tensor, image_ids: &[&str]) -> Tensor {
        let backbone = "resnet18".parse().unwrap();
        let model = Model::new(backbone, 3, 0, Device::Cpu, Kind::Double).unwrap();
        let (layer, mode, order) = (Layer::Final, Mode::Eval, Order::First);
        let explainable = Explainable::new(&model, method, layer, features, mode, order)
            .unwrap()
            .of_images(image_ids);
        let rows = features.size()[0];
        let pairs: Vec<(i64, i64)> = (0..rows).map(|row| (row, 1)).collect();
        explainable.maps(&pairs).unwrap().detach()
    }

    /// Returns features (rows, 512, 2, 2), the same in every row.
    fn features(rows: i64) -> Tensor {
        let values: Vec<f64> = (0..512 * 4).map(|i| random::unit(7, i)).collect();
        Tensor::from_slice(&values)
            .view([1, 512, 2, 2])
            .repeat([rows, 1, 1, 1])
    }

    /// After the final layer the network is linear, so SmoothGrad's map must be Input × Gradient at the mean
    /// of the noisy features. The mean of n standard normal noises must have the standard deviation 1/√n; of 2048
    /// features it is known to within 0.01 (4 standard errors).
    #[test]
    fn of_a_linear_network_it_is_input_times_gradient_at_the_mean_features() {
        let features = features(1);
        let stream = random::draw(0, "smoothgrad", 0, "a");
        let mut mean = features.zeros_like();
        for sample in 0..SAMPLES {
            mean += noise(&[stream], sample, &features).unwrap() / SAMPLES as f64;
        }
        let deviation = mean.std(true).double_value(&[]);
        let expected = 1.0 / (SAMPLES as f64).sqrt();
        assert!((deviation - expected).abs() < 0.01, "{deviation}");
        let range = (features.max() - features.min()).double_value(&[]);
        let expected = maps(IXG, &(&features + mean * (NOISE * range)), &[]);
        let found = maps(SMOOTHGRAD, &features, &["a"]);
        let difference = (found - expected).abs().max().double_value(&[]);
        assert!(difference < 1e-12, "{difference:e}");
    }

    /// Images `a` and `b` have the same features: the map of `b` must be the same in a batch alone and in one with
    /// `a`, and differ from the map of `a`.
    #[test]
    fn noise_is_the_images_whatever_its_batch() {
        let alone = maps(SMOOTHGRAD, &features(1), &["b"]);
        let both = maps(SMOOTHGRAD, &features(2), &["a", "b"]);
        let difference = |row: i64| {
            let row = both.narrow(0, row, 1);
            (&alone - row).abs().max().double_value(&[])
        };
        assert!(difference(1) < 1e-12 && difference(0) > 1e-6);
    }
}
