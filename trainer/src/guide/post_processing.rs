//! Steps by which localization losses prepare maps before they compare them with masks (docs/SPEC.md A.2):
//! [`scale`] divides by the map's largest absolute value, [`upsample`] brings the map to the mask's
//! resolution. Some losses clamp the map at 0 first. Which loss takes which step is in its file.

use tch::{TchError, Tensor};

use crate::machine::device;

/// Returns the sum of each map (N), of maps (N, H, W).
///
/// # Errors
/// libtorch's.
pub fn sum(values: &Tensor) -> Result<Tensor, TchError> {
    values.f_sum_dim_intlist([1i64, 2].as_slice(), false, None)
}

/// Returns A / max|A| for each map A (N, h, w); a map of zeros stays as it is.
///
/// # Errors
/// libtorch's.
pub fn scale(maps: &Tensor) -> Result<Tensor, TchError> {
    // amax shares the gradient among equal maxima, as the official code's max over the map does.
    let largest = maps.f_abs()?.f_amax([1i64, 2], true)?;
    let is_zero = largest.f_eq(0.0)?;
    maps.f_div(&largest.f_masked_fill(&is_zero, 1.0)?)
}

/// Returns maps (N, h, w) at the resolution of `masks` (N, H, W), by bilinear interpolation with
/// align_corners = false; maps that have this resolution already are left as they are.
///
/// # Errors
/// libtorch's.
pub fn upsample(maps: &Tensor, masks: &Tensor) -> Result<Tensor, TchError> {
    let (size, from) = (&masks.size()[1..], &maps.size()[1..]);
    if from == size {
        return Ok(maps.shallow_clone());
    }
    // The backward pass of libtorch's own up-sampling is not deterministic on CUDA.
    if maps.device().is_cuda() {
        let [rows, columns] = [0, 1].map(|axis| interpolation(from[axis], size[axis]));
        let weights =
            |weights: Tensor| device::upload(&weights.f_to_kind(maps.kind())?, maps.device());
        return weights(rows?)?
            .f_matmul(maps)?
            .f_matmul(&weights(columns?)?.f_transpose(0, 1)?);
    }
    maps.f_unsqueeze(1)?
        .f_upsample_bilinear2d([size[0], size[1]], false, None, None)?
        .f_squeeze_dim(1)
}

/// Returns the weights (to, from) of bilinear interpolation along one axis from `from` to `to` values,
/// align_corners = false.
fn interpolation(from: i64, to: i64) -> Result<Tensor, TchError> {
    let mut weights = vec![0.0; (from * to) as usize];
    for (y, row) in weights.chunks_mut(from as usize).enumerate() {
        let at = ((y as f64 + 0.5) * from as f64 / to as f64 - 0.5).max(0.0);
        let (low, share) = (at.floor() as usize, at.fract());
        row[low] += 1.0 - share;
        row[(low + 1).min(from as usize - 1)] += share;
    }
    Tensor::f_from_slice(&weights)?.f_view([to, from])
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use tch::{Device, Kind};

    use super::*;

    #[test]
    fn interpolation_is_what_libtorch_computes() {
        for (from, to) in [
            ([7, 7], [224, 224]),
            ([5, 9], [17, 11]),
            ([1, 3], [4, 3]),
            ([8, 6], [5, 2]),
        ] {
            tch::manual_seed(0);
            let maps = Tensor::rand([2, from[0], from[1]], (Kind::Double, Device::Cpu));
            let [rows, columns] = [0, 1].map(|axis| interpolation(from[axis], to[axis]).unwrap());
            let found = rows.matmul(&maps).matmul(&columns.transpose(0, 1));
            let masks = Tensor::zeros([2, to[0], to[1]], (Kind::Double, Device::Cpu));
            let difference = (found - upsample(&maps, &masks).unwrap()).abs().max();
            assert!(difference.double_value(&[]) < 1e-12, "{from:?} to {to:?}");
        }
    }
}
