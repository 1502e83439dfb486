//! Reads the losses of training steps back from the device, adds them to the epoch's sums, and finds
//! the first step with a non-finite (NaN or ±∞) loss, map or gradient.

use tch::{Device, TchError, Tensor};

use crate::names::OnNonFinite;
use crate::run::resume::EpochPart;

/// A step whose losses are still on the device.
pub(crate) struct Unread<'a> {
    /// The step's number in its epoch, from 1.
    pub(crate) step: usize,
    /// The batch: indices into the data set's images.
    pub(crate) images: &'a [usize],
    /// The number of images in the batch that are annotated: their maps are in the localization loss.
    pub(crate) n_annotated: usize,
    /// [`crate::guide::objective::Terms::values`], five numbers in this order: classification loss (mean
    /// over the batch), localization loss (sum over the annotated images), sum of the maps, number of maps
    /// without EPG (their share of positive attribution in the mask is undefined), sum of the gradient. The
    /// sums of maps and gradient serve only to find non-finite values: a sum is non-finite if a summand is.
    pub(crate) values: Tensor,
}

/// A non-finite loss, gradient or map.
pub(crate) struct NonFinite<'a> {
    /// The first step that has one, from 1 in its epoch.
    pub(crate) step: usize,
    /// The step's batch.
    pub(crate) images: &'a [usize],
    /// What is non-finite: a loss, the maps or the gradient.
    pub(crate) term: &'static str,
}

/// The [`NonFinite::term`] of the gradient.
pub(crate) const GRADIENT: &str = "gradient";

/// The number of steps whose losses are read together. Reading makes the CPU wait for the GPU, so on
/// CUDA it happens every 50 steps (chosen), unless batches with non-finite values are to be skipped. With 1, a
/// non-finite value is found between the backward pass and the optimizer's step. With 50, the weights in memory may
/// already be spoilt; the run then stops and discards them. An epoch's losses are all read before anything is saved
/// (`Training::steps`).
pub(crate) fn steps_between(device: Device, on_non_finite: OnNonFinite) -> usize {
    match (device, on_non_finite) {
        (Device::Cuda(_), OnNonFinite::Stop) => 50,
        _ => 1,
    }
}

/// Adds the losses of the steps in `unread` to `part` and empties `unread`. At the first step with a
/// non-finite value it stops and returns that step; later steps are dropped. The maps are checked before
/// the localization loss, because non-finite maps make it non-finite, too.
///
/// # Errors
/// libtorch's.
pub(crate) fn read<'a>(
    unread: &mut Vec<Unread<'a>>,
    lambda: f64,
    part: &mut EpochPart,
) -> Result<Option<NonFinite<'a>>, TchError> {
    if unread.is_empty() {
        return Ok(None);
    }
    let values: Vec<&Tensor> = unread.iter().map(|step| &step.values).collect();
    let values = Tensor::f_stack(&values, 0)?.f_to_device(Device::Cpu)?;
    for (row, step) in unread.drain(..).enumerate() {
        let value = |column: i64| values.f_double_value(&[row as i64, column]);
        let (class, localization, maps) = (value(0)?, value(1)?, value(2)?);
        let (undefined, gradient) = (value(3)?, value(4)?);
        let total = class + lambda * localization;
        for (term, value) in [
            ("classification loss", class),
            ("attribution maps", maps),
            ("localization loss", localization),
            (GRADIENT, gradient),
            // As f32, which the loss was computed in: a large λ may overflow it while its gradient is 0.
            ("total loss", f64::from(total as f32)),
        ] {
            if !value.is_finite() {
                let (step, images) = (step.step, step.images);
                return Ok(Some(NonFinite { step, images, term }));
            }
        }
        part.annotated += step.n_annotated;
        part.undefined += undefined as usize;
        part.class += class;
        part.localization += localization;
        part.total += total;
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    /// A step with these values and two annotated images.
    fn step(step: usize, values: [f64; 5]) -> Unread<'static> {
        Unread {
            step,
            images: &[],
            n_annotated: 2,
            values: Tensor::from_slice(&values),
        }
    }

    /// Three steps are read together, as on a GPU: number 7 is finite, number 8 has one non-finite value,
    /// number 9 has only non-finite values. Step 8 must be returned with the term's name, and only step 7 be added
    /// up: with λ = 0.25 its total loss is 0.5 + 0.25 · 2.
    #[test]
    fn the_first_non_finite_step_is_named() {
        let terms = [
            "classification loss",
            "localization loss",
            "attribution maps",
            "", // the number of maps without EPG, which is always finite
            GRADIENT,
        ];
        for (column, term) in terms.into_iter().enumerate() {
            for wrong in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
                if term.is_empty() {
                    continue;
                }
                let mut values = [1.0; 5];
                values[column] = wrong;
                let steps = [[0.5, 2.0, 0.0, 1.0, 0.0], values, [f64::NAN; 5]];
                let mut unread: Vec<_> = (7..).zip(steps).map(|(n, v)| step(n, v)).collect();
                let mut part = EpochPart::default();
                let found = read(&mut unread, 0.25, &mut part).unwrap().unwrap();
                assert_eq!((found.step, found.term), (8, term));
                let expected = EpochPart {
                    total: 1.0,
                    class: 0.5,
                    localization: 2.0,
                    annotated: 2,
                    undefined: 1,
                    ..EpochPart::default()
                };
                assert_eq!(part, expected);
            }
        }
    }

    /// A map without positive attribution has no EPG (0/0): its loss is set to 1, with gradient 0. So λ
    /// times this loss may overflow f32 (greatest value 3.4e38) while everything else is finite.
    #[test]
    fn a_weight_that_makes_the_total_infinite_is_noticed() {
        for (lambda, expected) in [(1e38, None), (1e39, Some("total loss"))] {
            let mut unread = vec![step(1, [0.5, 1.0, 0.0, 1.0, 0.0])];
            let mut part = EpochPart::default();
            let found = read(&mut unread, lambda, &mut part).unwrap();
            assert_eq!(found.map(|found| found.term), expected);
        }
    }

    #[test]
    fn a_gpu_is_waited_for_at_every_step_only_where_batches_are_skipped() {
        let (stop, skip) = (OnNonFinite::Stop, OnNonFinite::Skip);
        assert_eq!(steps_between(Device::Cuda(0), stop), 50);
        assert_eq!(steps_between(Device::Cuda(0), skip), 1);
        assert_eq!(steps_between(Device::Cpu, stop), 1);
    }
}
