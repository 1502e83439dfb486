//! What an image shows where pixels are taken away (docs/SPEC.md L): the same image, blurred, or its mean colour.
//! Images here have values in 0–1, before the network's encoding, so that it is the same for networks of three
//! channels and of six.

use tch::{Kind, TchError, Tensor};

/// A kind of replacement.
#[derive(Clone, Copy)]
pub struct Baseline {
    /// Its name in the table.
    pub name: &'static str,
    /// Its name for people.
    pub title: &'static str,
    /// Makes it of an image (H, W, 3); any shape that broadcasts to the image's.
    of: fn(&Tensor) -> Result<Tensor, TchError>,
}

/// All of them.
pub const BASELINES: [Baseline; 2] = [
    Baseline {
        name: "blur",
        title: "blurred image",
        of: blur,
    },
    Baseline {
        name: "mean",
        title: "mean colour",
        of: mean,
    },
];

/// The standard deviation of the blur as a share of a side: 10 pixels at 224 (Fong & Vedaldi 2017).
const DEVIATION: f64 = 10.0 / 224.0;

/// Returns an image (H, W, 3) in each of [`BASELINES`], (baselines, H, W, 3).
///
/// # Errors
/// libtorch's.
pub fn baselines(image: &Tensor) -> Result<Tensor, TchError> {
    let made: Result<Vec<Tensor>, TchError> = BASELINES
        .iter()
        .map(|baseline| (baseline.of)(image)?.f_expand_as(image))
        .collect();
    Tensor::f_stack(&made?, 0)
}

/// The image's mean colour.
fn mean(image: &Tensor) -> Result<Tensor, TchError> {
    image.f_mean_dim([0i64, 1].as_slice(), true, None::<Kind>)
}

/// The image through a Gaussian. Weights of pixels beyond the edge are left out, and the others scaled to 1.
fn blur(image: &Tensor) -> Result<Tensor, TchError> {
    let size = image.size();
    let [rows, columns] = [gaussian(image, size[0])?, gaussian(image, size[1])?];
    let channels = image.f_permute([2, 0, 1])?;
    let blurred = rows.f_matmul(&channels)?.f_matmul(&columns.f_tr()?)?;
    blurred.f_permute([1, 2, 0])
}

/// Returns the matrix (side, side) that blurs an axis of `side` pixels, with the number type and device of `like`.
fn gaussian(like: &Tensor, side: i64) -> Result<Tensor, TchError> {
    let at = Tensor::f_arange(side, (like.kind(), like.device()))?;
    let distance = at.f_unsqueeze(1)?.f_sub(&at.f_unsqueeze(0)?)?;
    let deviations = distance.f_div_scalar(DEVIATION * side as f64)?;
    let weights = deviations.f_square()?.f_mul_scalar(-0.5)?.f_exp()?;
    let sums = weights.f_sum_dim_intlist([1i64].as_slice(), true, None::<Kind>)?;
    weights.f_div(&sums)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use tch::Device;

    use super::*;

    /// An image (height, width, 3) of random values.
    fn image(height: i64, width: i64) -> Tensor {
        tch::manual_seed(1);
        Tensor::rand([height, width, 3], (Kind::Double, Device::Cpu))
    }

    fn value(tensor: &Tensor, at: [i64; 3]) -> f64 {
        tensor.double_value(&at)
    }

    #[test]
    fn the_mean_is_that_of_each_channel() {
        let image = image(5, 3);
        let made = baselines(&image).unwrap().get(1);
        for channel in 0..3 {
            let of = |y, x| value(&image, [y, x, channel]);
            let sum: f64 = (0..5).flat_map(|y| (0..3).map(move |x| of(y, x))).sum();
            assert!((value(&made, [4, 1, channel]) - sum / 15.0).abs() < 1e-12);
        }
    }

    /// The blur as a double sum, and the same on images of other sides.
    #[test]
    fn the_blur_is_a_weighted_mean_of_the_image() {
        for (height, width) in [(40, 24), (1, 9), (1, 1)] {
            let image = image(height, width);
            let made = baselines(&image).unwrap().get(0);
            for at in [[0, 0, 0], [height / 2, width - 1, 2]] {
                let (mut sum, mut all) = (0.0, 0.0);
                for y in 0..height {
                    for x in 0..width {
                        let part = |d: i64, side: i64| {
                            (-((d as f64 * 22.4 / side as f64).powi(2)) / 2.0).exp()
                        };
                        let weight = part(y - at[0], height) * part(x - at[1], width);
                        sum += weight * value(&image, [y, x, at[2]]);
                        all += weight;
                    }
                }
                let found = value(&made, at);
                assert!((found - sum / all).abs() < 1e-9, "{height}×{width} {at:?}");
            }
        }
    }
}
