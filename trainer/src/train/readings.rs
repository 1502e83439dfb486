//! Reads the losses of steps from the device, adds them to the sums of the epoch, and finds the first
//! non-finite loss, gradient or map.

use tch::{Device, TchError, Tensor};

use crate::names::OnNonFinite;
use crate::run::resume::EpochPart;

/// A step whose losses are still on the device.
pub(crate) struct Unread<'a> {
    /// In its epoch, from 1.
    pub(crate) step: usize,
    /// The batch.
    pub(crate) images: &'a [usize],
    pub(crate) n_annotated: usize,
    /// [`crate::guide::objective::Terms::values`].
    pub(crate) values: Tensor,
}

/// A non-finite loss, gradient or map.
pub(crate) struct NonFinite<'a> {
    /// The first such step of its epoch, from 1.
    pub(crate) step: usize,
    /// Its batch.
    pub(crate) images: &'a [usize],
    /// Which loss, maps or gradient.
    pub(crate) term: &'static str,
}

/// What the gradient is called among [`NonFinite::term`].
pub(crate) const GRADIENT: &str = "gradient";

/// Steps whose losses are read together: a GPU would stand still at every reading. At 1, a
/// non-finite value is found before it reaches the weights. Read later, it may have reached the weights
/// in memory; the run then gives these up, and saves nothing before it has read every loss.
pub(crate) fn steps_between(device: Device, on_non_finite: OnNonFinite) -> usize {
    match (device, on_non_finite) {
        (Device::Cuda(_), OnNonFinite::Stop) => 50,
        _ => 1,
    }
}

/// Adds the losses of `unread` to `part`, up to the first step with a non-finite value.
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
            // In the 32 bits that were differentiated: what λ makes infinite may still have gradient 0.
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

    fn step(step: usize, values: [f64; 5]) -> Unread<'static> {
        Unread {
            step,
            images: &[],
            n_annotated: 2,
            values: Tensor::from_slice(&values),
        }
    }

    /// As on a GPU, where several steps are read together.
    #[test]
    fn the_first_step_that_is_no_number_is_named() {
        let terms = [
            "classification loss",
            "localization loss",
            "attribution maps",
            "", // a count, which is always a number
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

    /// A map without EPG has the localization loss 1 and no gradient.
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
    fn a_gpu_is_waited_for_only_where_batches_are_skipped() {
        let (stop, skip) = (OnNonFinite::Stop, OnNonFinite::Skip);
        assert_eq!(steps_between(Device::Cuda(0), stop), 50);
        assert_eq!(steps_between(Device::Cuda(0), skip), 1);
        assert_eq!(steps_between(Device::Cpu, stop), 1);
    }
}
