//! Compares the features of a network that is becoming a B-cos network with those of the network that it was made of
//! (feature distillation, after Romero et al., *FitNets*, 2015; docs/SPEC.md D). A few thousand images have too few
//! labels to tell it what each of its layers knew; the features of every place of every layer say it.

use tch::{Kind, TchError, Tensor};

/// Added to variances: the features of a channel may be 0 everywhere.
const EPS: f64 = 1e-5;

/// Returns Σ over layers of the mean of (ŝ − t̂)², a scalar: ŝ and t̂ are the features `ours` and `theirs` (N, C, H, W)
/// of the layer, less their mean and divided by their deviation, of each channel over batch and places. A layer adds
/// 2 (1 − r), r being the correlation, on average over the channels: 0 where the features are alike but for scale and
/// offset, 2 where they have nothing to do with each other. A B-cos network has neither biases nor means, so that
/// scale and offset cannot be the same.
///
/// # Errors
/// libtorch's, such as features of different shapes.
pub fn distance(ours: &[Tensor], theirs: &[Tensor]) -> Result<Tensor, TchError> {
    let layers = ours.iter().zip(theirs).map(|(ours, theirs)| {
        let off = standardised(ours)?.f_sub(&standardised(theirs)?)?;
        off.f_square()?.f_mean(None::<Kind>)
    });
    let distances = layers.collect::<Result<Vec<Tensor>, TchError>>()?;
    Tensor::f_stack(&distances, 0)?.f_sum(None::<Kind>)
}

/// Returns `features` with mean 0 and variance 1 in each channel.
fn standardised(features: &Tensor) -> Result<Tensor, TchError> {
    let mean = |t: &Tensor| t.f_mean_dim([0i64, 2, 3].as_slice(), true, None::<Kind>);
    let centred = features.f_sub(&mean(features)?)?;
    let variance = mean(&centred.f_square()?)?;
    centred.f_mul(&variance.f_add_scalar(EPS)?.f_rsqrt()?)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn scale_and_offset_of_channels_do_not_count() {
        let theirs = Tensor::arange(2 * 3 * 4 * 5, (Kind::Double, tch::Device::Cpu))
            .sin()
            .reshape([2, 3, 4, 5]);
        let scales = Tensor::from_slice(&[2.0, 0.5, 30.0]).reshape([1, 3, 1, 1]);
        let alike = &theirs * &scales + 7.0 * &scales;
        let of = |ours: &[&Tensor]| {
            let ours: Vec<Tensor> = ours.iter().map(|t| t.shallow_clone()).collect();
            let theirs: Vec<Tensor> = ours.iter().map(|_| theirs.shallow_clone()).collect();
            distance(&ours, &theirs).unwrap().double_value(&[])
        };
        assert!(of(&[&alike]) < 1e-6, "{}", of(&[&alike]));
        // Features of the opposite sign have the correlation −1, in each of two layers.
        let opposite = theirs.neg();
        assert!((of(&[&opposite]) - 4.0).abs() < 1e-3);
        assert!((of(&[&opposite, &opposite]) - 8.0).abs() < 1e-3);
        // A channel that is 0 everywhere adds the other's variance, 1.
        let zero = theirs.zeros_like();
        assert!((of(&[&zero]) - 1.0).abs() < 1e-3);
    }
}
