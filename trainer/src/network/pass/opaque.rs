//! Operations without a pullback of their own: libtorch differentiates them. What is written here once
//! serves every network; a pullback in `operations.rs` is an optimisation of it.

use tch::{TchError, Tensor};

use crate::network::pass::fused;
use crate::network::pass::tape::{Node, Pass, Value};

impl Pass {
    /// `f` of `inputs`, any differentiable expression of libtorch that makes one tensor. On the way
    /// back the gradient is libtorch's, and where gradients are on it can be differentiated once more:
    /// with respect to the gradient at the output, the inputs and all weights that `f` uses. Weights
    /// that depend on the input are not held fixed, so `f` is no B-cos layer.
    ///
    /// `f` is called once. A recording pass keeps what libtorch's backward pass through `f` needs, also
    /// under `no_grad`, of which [`Pass::made`] knows only the output.
    ///
    /// # Errors
    /// Those of `f`, and libtorch's.
    pub fn opaque(
        &self,
        inputs: &[&Value],
        f: impl FnOnce(&[Tensor]) -> Result<Tensor, TchError>,
    ) -> Result<Value, TchError> {
        if self.tape.is_none() {
            let given: Vec<Tensor> = inputs.iter().map(|x| x.tensor().shallow_clone()).collect();
            return self.value(f(&given)?, || Ok(Node::source()));
        }
        // Tensors of `f` alone: a gradient at them does not go by way of what the inputs have in common.
        let own = inputs.iter().map(|x| fused::differentiable(x.tensor()));
        let own: Vec<Tensor> = own.collect::<Result<_, _>>()?;
        let made = tch::with_grad(|| f(&own))?;
        let held: Vec<_> = inputs.iter().map(|x| x.hold()).collect();
        self.value(fused::as_now(&made)?, || {
            Ok(Node {
                inputs: inputs.iter().map(|x| x.node).collect(),
                pullback: Box::new(move |g| {
                    let _held = &held;
                    fused::pull(&made, &own, g)
                }),
            })
        })
    }
}
