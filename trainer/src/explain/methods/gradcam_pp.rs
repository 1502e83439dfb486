//! The attribution method GradCAM++ (Chattopadhay et al. 2018) as pytorch-grad-cam computes it:
//! ReLU(Σ_c w_c · φ_c) with w_c = Σ_hw α_c · ReLU(g_c), g = ∂f_k/∂φ and
//! α_c = g_c² / (2 g_c² + (Σ_hw φ_c) · g_c³ + 10⁻⁶). f_k is the logit of class k, c a channel of the features
//! φ. The authors' own code differentiates exp(f_k) instead of f_k and has no constant 10⁻⁶.

use tch::{TchError, Tensor};

use crate::explain::attribution::{Attribution, over_channels};
use crate::explain::gradients::{DynamicWeights, Gradients, Order};
use crate::network::pass::fused;

/// Keeps the divisor of α from being 0; pytorch-grad-cam's value.
const TINY: f64 = 1e-6;

/// The method. It is defined for every network, but only for explaining.
pub const GRADCAM_PP: Attribution = Attribution {
    name: "gradcam_pp",
    title: "GradCAM++",
    dynamic_weights: DynamicWeights::Differentiated,
    refusal: |_, order| {
        (order == Order::Second).then(|| "gradcam_pp explains and does not guide".to_owned())
    },
    maps,
};

fn maps(gradients: &Gradients, cotangent: &Tensor) -> Result<Tensor, TchError> {
    let features = gradients.features().f_detach()?;
    let gradient = gradients.gradient(cotangent)?.f_detach()?;
    let cells = [2i64, 3];
    let sum = |t: &Tensor| t.f_sum_dim_intlist(cells.as_slice(), true, None);
    let square = gradient.f_square()?;
    let cube = square.f_mul(&gradient)?;
    // With the constant, α is 0 where the gradient is 0.
    let divisor = square
        .f_mul_scalar(2.0)?
        .f_add(&sum(&features)?.f_mul(&cube)?)?
        .f_add_scalar(TINY)?;
    let alpha = square.f_div(&divisor)?;
    let weights = sum(&alpha.f_mul(&gradient.f_clamp_min(0.0)?)?)?;
    // A ReLU that keeps non-finite values visible.
    fused::rectify(over_channels(&features, &weights)?)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use tch::{Device, Kind};

    use super::*;
    use crate::explain::attribution::Explainable;
    use crate::names::Layer;
    use crate::network::{Mode, Model};

    /// After the final layer a ResNet is a mean over positions and a linear head, so the gradient of a
    /// channel is the head's weight divided by the number of positions. Head and features get fixed values.
    /// The expected maps come from a Python script that evaluates pytorch-grad-cam's formulas pixel by pixel.
    #[test]
    fn maps_are_pytorch_grad_cams() {
        let backbone = "resnet18".parse().unwrap();
        let model = Model::new(backbone, 3, 0, Device::Cpu, Kind::Double).unwrap();
        let number = |k: i64, c: i64| ((5 * c + 3 * k) % 13 - 6) as f64 / 13.0;
        let weight: Vec<f64> = (0..3)
            .flat_map(|k| (0..512).map(move |c| number(k, c)))
            .collect();
        let named = model.params.named();
        let (_, head) = named.iter().find(|(name, _)| name == "fc.weight").unwrap();
        tch::no_grad(|| {
            let weight = Tensor::from_slice(&weight).view([3, 512]);
            head.shallow_clone().copy_(&weight)
        });
        let features: Vec<f64> = (0..512)
            .flat_map(|c| {
                (0..6)
                    .map(move |cell| ((7 * c + 3 * (cell / 3) + 5 * (cell % 3)) % 11) as f64 / 11.0)
            })
            .collect();
        let features = Tensor::from_slice(&features).view([1, 512, 2, 3]);
        let (layer, mode, order) = (Layer::Final, Mode::Eval, Order::First);
        let explainable =
            Explainable::new(&model, GRADCAM_PP, layer, &features, mode, order).unwrap();
        for (class, expected) in [
            (
                1,
                [
                    13.453368685413732,
                    13.263853897398867,
                    13.606797755463731,
                    13.251551356430468,
                    13.518495616092139,
                    13.378560445233163,
                ],
            ),
            (
                2,
                [
                    13.290556424050491,
                    13.411692943969737,
                    13.439844250619226,
                    13.248152066897516,
                    13.556835153476646,
                    13.261783354866385,
                ],
            ),
        ] {
            let map = explainable.maps(&[(0, class)]).unwrap();
            let found = Vec::<f64>::try_from(map.flatten(0, -1)).unwrap();
            for (found, expected) in found.iter().zip(expected) {
                assert!((found - expected).abs() < 1e-9, "{found} {expected}");
            }
        }
    }
}
