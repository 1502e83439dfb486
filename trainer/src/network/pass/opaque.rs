//! Lets a network use any expression of libtorch as an operation: libtorch computes its vjp, the linear map
//! from the gradient at its output to those at its inputs. It would do for the operations of `operations.rs`
//! too; their vjps are written there only to save time.

use tch::{TchError, Tensor};

use crate::network::pass::fused;
use crate::network::pass::tape::{Node, Pass, Value};

impl Pass {
    /// Computes `f` of `inputs`, any differentiable expression of libtorch that makes one tensor. libtorch
    /// computes its vjp. If gradients are on, the vjp can be differentiated once more, with respect to the
    /// gradient at the output, the inputs and all weights that `f` uses. What `f` computes from its input is
    /// always differentiated, while a B-cos layer takes such weights as constants: `f` cannot be one.
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
        // `f` gets tensors of its own. Otherwise, if input b was computed from input a, the gradient at a would
        // include the part that reaches it through b, which the tape adds again.
        let own = inputs.iter().map(|x| fused::differentiable(x.tensor()));
        let own: Vec<Tensor> = own.collect::<Result<_, _>>()?;
        let made = tch::with_grad(|| f(&own))?;
        // As long as the vjp holds the inputs, no operation overwrites them.
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
