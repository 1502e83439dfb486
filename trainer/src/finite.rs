//! Finds non-finite values (NaN, ±∞) in tensors, and keeps operations from hiding them.
//!
//! The trainer checks what goes into a computation and what comes out: weights that it reads, each step's
//! losses, maps and gradient, the weights after the last step, logits and maps in evaluation. It does not
//! check the values in between, because every operation of the networks gives a non-finite value for a
//! non-finite input. Some operations of libtorch do not, so the networks do not use them as they are:
//!
//! - libtorch's ReLU makes 0 of −∞, its ReLU6 makes 6 of ∞, and oneDNN's ReLU makes 0 of NaN. Replacements
//!   are in [`crate::network::pass::fused`].
//! - A division by ∞ gives 0, and so does a softmax for −∞. Divisors and inputs of softmaxes go through
//!   [`infinite_to_nan`].
//!
//! Three cases remain. In training, batch norm hides a variance that overflows (it divides by ∞), and ReLU6
//! hides ±∞, but the running statistics of the batch norm keep such values and are checked. In the backward
//! pass, a ReLU with a negative input gives 0 for every gradient, as it should. In a network that was exported
//! from PyTorch to a file, an activation that saturates (sigmoid, tanh, softmax, a clamp, a layer norm) may hide
//! an overflow in front of it, as it does in PyTorch; the network's inputs and outputs are checked there as well.

use tch::{Kind, TchError, Tensor};

use crate::machine::device;

/// A value of a tensor, and where it is.
#[derive(Clone, Debug, PartialEq)]
pub struct Found {
    /// Its index, one number for each dimension.
    pub index: Vec<i64>,
    /// The value.
    pub value: f64,
}

impl std::fmt::Display for Found {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.value.is_finite() {
            true => write!(f, "{:e}", self.value),
            false => write!(f, "{}", self.value),
        }
    }
}

/// Returns the first value of `tensor`, in row-major order, that is non-finite or becomes so when converted to
/// `kind`, a floating type; `None` if there is none, and for tensors of integers.
///
/// # Errors
/// libtorch's.
pub fn first_non_finite(tensor: &Tensor, kind: Kind) -> Result<Option<Found>, TchError> {
    let is_float = matches!(
        tensor.kind(),
        Kind::Double | Kind::Float | Kind::Half | Kind::BFloat16
    );
    if !is_float || tensor.numel() == 0 {
        return Ok(None);
    }
    let seen = tensor.f_detach()?.f_to_kind(kind)?;
    // One pass over memory: a NaN makes both the least and the greatest value NaN.
    let (least, greatest) = seen.f_aminmax(None, false)?;
    let ends = [least.f_double_value(&[])?, greatest.f_double_value(&[])?];
    if ends.iter().all(|end| end.is_finite()) {
        return Ok(None);
    }
    let is_wrong = seen.f_isfinite()?.f_logical_not()?.f_flatten(0, -1)?;
    let at = is_wrong.f_to_kind(Kind::Uint8)?.f_argmax(None, false)?;
    let mut rest = at.f_int64_value(&[])?;
    let mut index = tensor.size();
    for at in index.iter_mut().rev() {
        (rest, *at) = (rest / *at, rest % *at);
    }
    let value = tensor.f_double_value(&index)?;
    Ok(Some(Found { index, value }))
}

/// Replaces infinite values by NaN; others keep their bits. This is done in place and outside the graph, so
/// derivatives stay as they are. The operation that made `tensor` must be one that does not use its output in
/// its backward pass (a sum, say), since autograd refuses an output that was changed since.
///
/// # Errors
/// libtorch's.
pub fn infinite_to_nan(tensor: &Tensor) -> Result<(), TchError> {
    // lerp computes x + 0 · (x − x), which is x, or NaN for ±∞ as ∞ − ∞ is NaN.
    tch::no_grad(|| {
        let itself = tensor.f_detach()?;
        tensor.shallow_clone().f_lerp_(&itself, 0.0).map(drop)
    })
}

/// Returns the largest absolute value of each row of `tensor` (N, …); NaN for a row that has a NaN.
///
/// # Errors
/// libtorch's.
pub fn largest_of_rows(tensor: &Tensor) -> Result<Vec<f32>, TchError> {
    let largest = tensor.f_detach()?.f_abs()?.f_flatten(1, -1)?;
    device::download(&largest.f_amax([1i64], false)?)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use tch::Device;

    use super::*;

    #[test]
    fn the_first_non_finite_value_is_found_in_every_type() {
        for kind in [Kind::Half, Kind::BFloat16, Kind::Float, Kind::Double] {
            for value in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
                let tensor = Tensor::ones([2, 3, 4], (kind, Device::Cpu));
                assert_eq!(first_non_finite(&tensor, Kind::Float).unwrap(), None);
                for at in [[1, 2, 3], [1, 0, 2]] {
                    let _ = tensor.get(at[0]).get(at[1]).get(at[2]).fill_(value);
                    let found = first_non_finite(&tensor, Kind::Float).unwrap().unwrap();
                    assert_eq!(found.index, at, "{kind:?}");
                    assert_eq!(found.value.to_string(), value.to_string());
                }
            }
        }
        let none = Tensor::zeros([0, 3], (Kind::Float, Device::Cpu));
        assert_eq!(first_non_finite(&none, Kind::Float).unwrap(), None);
        let scalar = Tensor::from(f32::NAN);
        let found = first_non_finite(&scalar, Kind::Float).unwrap().unwrap();
        assert_eq!(found.index, [0i64; 0]);
    }

    /// −1e300 is finite in 64 bits and infinite in 32.
    #[test]
    fn a_number_too_large_for_the_kind_is_found() {
        let tensor = Tensor::from_slice(&[1.0, -1e300]);
        assert_eq!(first_non_finite(&tensor, Kind::Double).unwrap(), None);
        let found = first_non_finite(&tensor, Kind::Float).unwrap().unwrap();
        assert_eq!(
            (found.to_string().as_str(), found.index),
            ("-1e300", vec![1])
        );
    }

    /// Of five values only the last is infinite: it must become NaN, the others keep their bits, and the
    /// gradient of their sum stay 1 for all.
    #[test]
    fn finite_values_and_derivatives_stay_as_they_are() {
        let values = [1.5f32, -0.0, f32::MAX, f32::MIN_POSITIVE, f32::INFINITY];
        let tensor = Tensor::from_slice(&values).set_requires_grad(true);
        let sum = tensor.f_add_scalar(0.0).unwrap();
        infinite_to_nan(&sum).unwrap();
        let found = Vec::<f32>::try_from(&sum.detach()).unwrap();
        let bits = |values: &[f32]| -> Vec<u32> { values.iter().map(|v| v.to_bits()).collect() };
        assert_eq!(
            bits(&found[..4]),
            bits(&(Vec::<f32>::try_from(&tensor.detach() + 0.0).unwrap())[..4])
        );
        assert!(found[4].is_nan());
        let gradient = Tensor::run_backward(&[sum.sum(None)], &[&tensor], false, false);
        assert_eq!(gradient[0], Tensor::ones([5], (Kind::Float, Device::Cpu)));
    }
}
