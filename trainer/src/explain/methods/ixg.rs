//! The attribution method Input × Gradient: Σ_c φ_c · ∂f_k/∂φ_c, with the logit f_k of class k and channel c
//! of the features φ at the layer.

use crate::explain::attribution::{Attribution, over_channels};
use crate::explain::gradients::DynamicWeights;

/// The method. It is defined for every network, for explaining and for guidance.
pub const IXG: Attribution = Attribution {
    name: "ixg",
    title: "IxG",
    dynamic_weights: DynamicWeights::Differentiated,
    refusal: |_, _| None,
    maps: |gradients, cotangent| {
        over_channels(gradients.features(), &gradients.gradient(cotangent)?)
    },
};
