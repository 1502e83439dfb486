//! Operations without a written vjp: libtorch differentiates them. This serves every network; a vjp
//! written in `operations.rs` is an optimisation of it.

use tch::{TchError, Tensor};

use crate::network::pass::fused;
use crate::network::pass::tape::{Node, Pass, Value};

impl Pass {
    /// `f` of `inputs`, any differentiable expression of libtorch that makes one tensor. libtorch
    /// computes its vjp, which can be differentiated once more where gradients are on: with respect to
    /// the gradient at the output, the inputs and all weights that `f` uses. Weights
    /// that depend on the input are not held fixed, so `f` is no B-cos layer.
    ///
    /// `f` is called once. A recording pass keeps what libtorch's backward pass through `f` needs, also
    /// under `no_grad`; [`Pass::made`] counts only the output.
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
        // `f` gets tensors of its own, so that the gradient at one input does not include what reaches
        // it by way of another.
        let own = inputs.iter().map(|x| fused::differentiable(x.tensor()));
        let own: Vec<Tensor> = own.collect::<Result<_, _>>()?;
        let made = tch::with_grad(|| f(&own))?;
        let held: Vec<_> = inputs.iter().map(|x| x.hold()).collect();
        self.value(fused::as_now(&made)?, || {
            Ok(Node {
                inputs: inputs.iter().map(|x| x.node).collect(),
                vjp: Box::new(move |g| {
                    let _held = &held;
                    fused::vjp(&made, &own, g)
                }),
            })
        })
    }
}
