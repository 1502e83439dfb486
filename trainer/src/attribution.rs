//! Attribution maps: one number a pixel of the layer, the channels summed (paper section 3.1;
//! SPEC A.3). For a batch, the chosen logits are summed and differentiated once: images do not mix
//! but through batch statistics in training mode.

use tch::{TchError, Tensor};

use crate::names::Attribution;

/// Whether the maps are to be differentiated again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// For evaluation: the maps are constants.
    First,
    /// For the localization loss: the maps stay in the graph.
    Second,
}

/// Explains one logit an image: `selected` (scalar, the sum of the chosen logits) with respect to
/// `features` (N, C, h, w), giving maps (N, h, w) at the layer's own resolution.
///
/// The graph of `selected` is kept in either order, so that further classes can be explained.
///
/// # Errors
/// libtorch's.
pub fn maps(
    attribution: Attribution,
    features: &Tensor,
    selected: &Tensor,
    order: Order,
) -> Result<Tensor, TchError> {
    let gradients = Tensor::f_run_backward(&[selected], &[features], true, order == Order::Second)?;
    let gradient = match gradients.into_iter().next() {
        Some(gradient) if gradient.defined() => gradient,
        _ => features.f_zeros_like()?,
    };
    match attribution {
        // Σ_c φ_c · ∂f_k/∂φ_c
        Attribution::Ixg => {
            features
                .f_mul(&gradient)?
                .f_sum_dim_intlist([1i64].as_slice(), false, None)
        }
        // ReLU(Σ_c mean_hw(∂f_k/∂φ_c) · φ_c)
        Attribution::Gradcam => {
            let weights = gradient.f_mean_dim([2i64, 3].as_slice(), true, None)?;
            features
                .f_mul(&weights)?
                .f_sum_dim_intlist([1i64].as_slice(), false, None)?
                .f_relu()
        }
    }
}

/// Sum over images of each one's logit of class `classes[i]`; `logits` (N, K), `classes` (N) i64.
///
/// # Errors
/// libtorch's.
pub fn select(logits: &Tensor, classes: &Tensor) -> Result<Tensor, TchError> {
    logits
        .f_gather(1, &classes.f_unsqueeze(1)?, false)?
        .f_sum(None)
}
