//! The losses: binary cross-entropy for the classes and, for the explanations, Energy, L1, PPCE,
//! RRR* and Energy* with the post-processing of the map that each asks for (paper section 3.4; SPEC A.2).
//!
//! Post-processing, in this order: clamp at 0 (L1, PPCE), divide by the map's largest absolute
//! value (L1, PPCE, RRR*; a map of zeros stays), up-sample bilinearly to the mask's resolution.
//! Where the official code gives NaN (PPCE with an empty mask, gradients of a map of zeros) these
//! are finite: an empty mask costs PPCE nothing, and PPCE and RRR* have gradient 0 at a map of zeros.

use tch::{Reduction, TchError, Tensor};

use crate::finite;
use crate::machine::device;
use crate::names::LocalizationLoss;

/// BCELoss's bound on −log.
const LARGEST_CROSS_ENTROPY: f64 = 100.0;
/// Below this positive attribution a map counts as empty (SPEC A.2).
const TINY: f64 = 1e-7;

/// `BCEWithLogitsLoss`: mean over images and classes; `logits` and `targets` (N, K).
///
/// # Errors
/// libtorch's.
pub fn classification(logits: &Tensor, targets: &Tensor) -> Result<Tensor, TchError> {
    let none: Option<Tensor> = None;
    logits.f_binary_cross_entropy_with_logits(
        targets,
        none.as_ref(),
        none.as_ref(),
        Reduction::Mean,
    )
}

/// The localization loss of each map: `maps` (N, h, w) as attributed, `masks` (N, H, W) of 0 and 1,
/// result (N). The caller sums over annotated images (SPEC H.1: λ scales with the batch). Energy* is
/// Energy here, before [`by_area`].
///
/// # Errors
/// libtorch's.
pub fn localization(
    loss: LocalizationLoss,
    maps: &Tensor,
    masks: &Tensor,
) -> Result<Tensor, TchError> {
    let pixels = [1i64, 2];
    let sum = |t: &Tensor| t.f_sum_dim_intlist(pixels.as_slice(), false, None);
    match loss {
        // 1 − Σ M·A⁺ / Σ A⁺, and 1 − Σ M·A⁺ where Σ A⁺ is tiny
        LocalizationLoss::Energy | LocalizationLoss::EnergyArea => {
            let positive = upsample(maps, masks)?.f_clamp_min(0.0)?;
            let inside = sum(&positive.f_mul(masks)?)?;
            let total = sum(&positive)?;
            finite::infinite_to_nan(&total)?;
            let is_tiny = total.f_lt(TINY)?;
            let divisor = total.f_masked_fill(&is_tiny, 1.0)?;
            inside.f_div(&divisor)?.f_neg()?.f_add_scalar(1.0)
        }
        // (1/HW) Σ |M − Â⁺|
        LocalizationLoss::L1 => {
            let scaled = upsample(&scale(&maps.f_clamp_min(0.0)?)?, masks)?;
            masks
                .f_sub(&scaled)?
                .f_abs()?
                .f_mean_dim(pixels.as_slice(), false, None)
        }
        // −(1/‖M‖₁) Σ M · max(log Â⁺, −100), with the backward pass of PyTorch's BCELoss
        LocalizationLoss::Ppce => {
            let scaled = upsample(&scale(&maps.f_clamp_min(0.0)?)?, masks)?;
            let none: Option<Tensor> = None;
            // Interpolation may overshoot 1 by a rounding error, which BCELoss refuses.
            let ones = scaled.f_ones_like()?;
            let inside = scaled.f_clamp(0.0, 1.0)?.f_binary_cross_entropy(
                &ones,
                none.as_ref(),
                Reduction::None,
            )?;
            // Not a product: an infinite gradient outside times 0 would be NaN. At a map of zeros the
            // backward pass would divide by 1e-12 everywhere.
            let is_zero = scaled.f_amax([1i64, 2], true)?.f_eq(0.0)?;
            let kept = inside
                .f_masked_fill(&is_zero, LARGEST_CROSS_ENTROPY)?
                .f_masked_fill(&masks.f_eq(0.0)?, 0.0)?;
            sum(&kept)?.f_div(&sum(masks)?.f_clamp_min(1.0)?)
        }
        // Σ (1 − M) · Â²
        LocalizationLoss::Rrr => {
            let scaled = upsample(&scale(maps)?, masks)?;
            sum(&scaled
                .f_square()?
                .f_mul(&masks.f_neg()?.f_add_scalar(1.0)?)?)
        }
    }
}

/// 1 − EPG / area^α from Energy, 1 − EPG, and area^α, each (N).
///
/// # Errors
/// libtorch's.
pub fn by_area(energy: &Tensor, area_powers: &Tensor) -> Result<Tensor, TchError> {
    let epg = energy.f_neg()?.f_add_scalar(1.0)?;
    epg.f_div(area_powers)?.f_neg()?.f_add_scalar(1.0)
}

/// A / max|A| for each map; a map of zeros is left alone.
fn scale(maps: &Tensor) -> Result<Tensor, TchError> {
    // amax shares the gradient among equal maxima, as the official code's max over the map does.
    let largest = maps.f_abs()?.f_amax([1i64, 2], true)?;
    let is_zero = largest.f_eq(0.0)?;
    maps.f_div(&largest.f_masked_fill(&is_zero, 1.0)?)
}

/// Bilinear, align_corners = false, to the masks' resolution; maps already there are left alone.
fn upsample(maps: &Tensor, masks: &Tensor) -> Result<Tensor, TchError> {
    let (size, from) = (&masks.size()[1..], &maps.size()[1..]);
    if from == size {
        return Ok(maps.shallow_clone());
    }
    // CUDA's own adds its gradients up in an order that differs from time to time.
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

/// The weights (to, from) of bilinear interpolation along one axis, align_corners = false.
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
