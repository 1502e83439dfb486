//! The attribution method B-cos: Σ_c W_k(x)_c · φ_c for class k, with features φ and dynamic weights W(x).
//! A B-cos network's logit is the sum of these contributions over all positions, plus a constant (the logit
//! bias; at a vision transformer's input also what its position codes add). They are Input × Gradient with the
//! dynamic weights held fixed.

use crate::explain::attribution::{Attribution, over_channels};
use crate::explain::gradients::DynamicWeights;

/// The method. It is defined for B-cos networks, for explaining and for guidance.
pub const BCOS: Attribution = Attribution {
    name: "bcos",
    title: "B-cos",
    dynamic_weights: DynamicWeights::Fixed,
    refusal: |backbone, _| {
        (!backbone.has_dynamic_weights).then(|| format!("{backbone} is no B-cos network"))
    },
    maps: |gradients, cotangent| {
        over_channels(gradients.features(), &gradients.gradient(cotangent)?)
    },
};
