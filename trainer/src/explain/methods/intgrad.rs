//! The attribution method integrated gradients, starting from zero features: Σ_c φ_c · the mean of ∂f_k/∂φ_c
//! along the straight path from 0 to the features φ; f_k is the logit of class k, c a channel. On X-DNN (networks
//! without biases, so that f(αx) = α f(x)) the gradient is the same along the whole path, and the result is
//! Input × Gradient. On other networks the mean is taken over [`PATH_STEPS`] points; there the method is defined
//! for evaluation only, not for guidance.

use tch::{TchError, Tensor};

use crate::explain::attribution::{Attribution, over_channels};
use crate::explain::gradients::{DynamicWeights, Gradients, Order};

/// The number of equal parts of the path; the gradient is taken at the midpoint of each. Chosen: each part costs a
/// backward pass.
pub const PATH_STEPS: usize = 32;

/// The method.
pub const INTGRAD: Attribution = Attribution {
    name: "intgrad",
    title: "IntGrad",
    dynamic_weights: DynamicWeights::Differentiated,
    refusal: |backbone, order| {
        let has_closed_form = backbone.is_homogeneous;
        (order == Order::Second && !has_closed_form)
            .then(|| "intgrad guides X-DNN only, where it has a closed form".to_owned())
    },
    maps: |gradients, cotangent| {
        let gradient = match gradients.backbone().is_homogeneous {
            true => gradients.gradient(cotangent)?,
            false => path_gradient(gradients, cotangent)?,
        };
        over_channels(gradients.features(), &gradient)
    },
};

/// Returns the mean gradient along the straight path from zero to the features.
fn path_gradient(gradients: &Gradients, cotangent: &Tensor) -> Result<Tensor, TchError> {
    let features = gradients.features().f_detach()?;
    let mut sum = features.f_zeros_like()?;
    for step in 0..PATH_STEPS {
        let share = (step as f64 + 0.5) / PATH_STEPS as f64;
        let gradient = gradients.gradient_at(&features.f_mul_scalar(share)?, cotangent)?;
        sum.f_add_(&gradient).map(drop)?;
    }
    sum.f_div_scalar(PATH_STEPS as f64)
}
