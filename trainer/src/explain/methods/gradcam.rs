//! The attribution method GradCAM: ReLU(Σ_c mean_hw(∂f_k/∂φ_c) · φ_c), with the logit f_k of class k and
//! channel c of the features φ at the layer.

use crate::explain::attribution::{Attribution, over_channels};
use crate::explain::gradients::DynamicWeights;
use crate::network::pass::fused;

/// The method. It is defined for every network, for explaining and for guidance.
pub const GRADCAM: Attribution = Attribution {
    name: "gradcam",
    title: "GradCAM",
    dynamic_weights: DynamicWeights::Differentiated,
    refusal: |_, _| None,
    maps: |gradients, cotangent| {
        let gradient = gradients.gradient(cotangent)?;
        let weights = gradient.f_mean_dim([2i64, 3].as_slice(), true, None)?;
        // A ReLU that keeps non-finite values visible.
        fused::rectify(over_channels(gradients.features(), &weights)?)
    },
};
