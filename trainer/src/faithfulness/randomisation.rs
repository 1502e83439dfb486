//! The randomisation test of weights (Adebayo et al. 2018, docs/SPEC.md L): the map of a network without what it has
//! learned should be another one. A map that stays shows the image, not the network.

use evaluator::metrics::rank_correlation::spearman;
use tch::Tensor;

use crate::error::Result;
use crate::machine::device;
use crate::network::Model;
use crate::random;

/// The measure's name in the table.
pub const NAME: &str = "randomised_similarity";
/// The measure's name for people.
pub const TITLE: &str = "Rank correlation with the map of random weights";

/// Returns the measure of a map and of the map of the randomised network, at the layer's resolution; `None` where
/// one of them has no order.
pub fn similarity(map: &[f32], randomised: &[f32]) -> Option<f64> {
    spearman(map, randomised)
}

/// Puts the values of each trained tensor of `model` in a random order, that of a fixed seed. Buffers stay, such as
/// the running statistics of batch norms.
///
/// # Errors
/// libtorch's.
pub fn randomise(model: &Model) -> Result<()> {
    for param in model.params.entries().iter().filter(|p| p.is_trained) {
        let order = permutation(param.tensor.numel(), &param.name);
        let order = device::upload(&Tensor::f_from_slice(&order)?, model.params.device())?;
        tch::no_grad(|| {
            let values = param.tensor.f_reshape([-1])?.f_index_select(0, &order)?;
            let values = values.f_view(param.tensor.size().as_slice())?;
            param.tensor.shallow_clone().f_copy_(&values)
        })?;
    }
    Ok(())
}

/// Returns 0 to `n` − 1 in a random order (Fisher and Yates), which depends on `name` alone.
fn permutation(n: usize, name: &str) -> Vec<i64> {
    let stream = random::draw(0, "random weights", 0, name);
    let mut order: Vec<i64> = (0..n as i64).collect();
    for last in (1..n).rev() {
        let other = random::unit(stream, last as u64) * (last + 1) as f64;
        order.swap(last, other as usize);
    }
    order
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_has_every_number_once() {
        let order = permutation(1000, "layer1.weight");
        let mut sorted = order.clone();
        sorted.sort_unstable();
        assert_eq!(sorted, (0..1000).collect::<Vec<i64>>());
        assert_ne!(order, sorted);
        assert_ne!(order, permutation(1000, "layer2.weight"));
        assert_eq!(permutation(1, "a"), [0]);
    }
}
