//! The optimizers Adam (Kingma and Ba 2015) and AdamW (Loshchilov and Hutter 2019) with PyTorch's default β₁,
//! β₂ and ε. Weight decay applies to all trained tensors, as in PyTorch by default. These tensors lie in one flat
//! buffer, so that a step is a few operations on one vector. tch has an Adam, too, but it does not give out its
//! moments, which a run must save to be resumed where it stopped.

use tch::{TchError, Tensor};

/// β₁: the share of the first moment (running mean of gradients) that a step keeps.
const BETA1: f64 = 0.9;
/// β₂: the share of the second moment (running mean of squared gradients) that a step keeps.
const BETA2: f64 = 0.999;
/// ε, added to the root of the second moment.
const EPS: f64 = 1e-8;

/// How weights decay: the only difference between Adam and AdamW.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum WeightDecay {
    /// Adam's: this factor times the weight is added to its gradient.
    L2(f64),
    /// AdamW's: before each step the weight is reduced by this factor times the learning rate times itself.
    Decoupled(f64),
}

impl WeightDecay {
    /// No decay.
    pub const NONE: WeightDecay = WeightDecay::L2(0.0);
}

/// The optimizer (SPEC E.1).
#[derive(Debug)]
pub struct Adam {
    decay: WeightDecay,
    /// The values of all trained tensors, which are views into this buffer.
    weights: Tensor,
    /// First and second moments, laid out like `weights`.
    moments: [Tensor; 2],
    /// The trained tensors: views into `weights`, in its order.
    trained: Vec<Tensor>,
    /// Steps taken so far, for the bias corrections.
    steps: i64,
}

impl Adam {
    /// Makes the tensors of `trained` views into one buffer; their values stay.
    ///
    /// # Errors
    /// libtorch's.
    pub fn new(trained: Vec<Tensor>, decay: WeightDecay) -> Result<Self, TchError> {
        tch::no_grad(|| {
            let flat: Vec<Tensor> = trained
                .iter()
                .map(|t| t.f_reshape([-1]))
                .collect::<Result<_, _>>()?;
            let weights = Tensor::f_cat(&flat, 0)?.f_detach()?;
            let mut offset = 0;
            for tensor in &trained {
                let count = tensor.numel() as i64;
                tensor.shallow_clone().f_set_data(
                    &weights
                        .f_narrow(0, offset, count)?
                        .f_view(tensor.size().as_slice())?,
                )?;
                offset += count;
            }
            let moments = [weights.f_zeros_like()?, weights.f_zeros_like()?];
            Ok(Adam {
                decay,
                weights,
                moments,
                trained,
                steps: 0,
            })
        })
    }

    /// Differentiates `loss` and takes one step with this learning rate.
    ///
    /// # Errors
    /// libtorch's.
    pub fn step(&mut self, loss: &Tensor, learning_rate: f64) -> Result<(), TchError> {
        let gradient = self.gradient(loss)?;
        self.apply(&gradient, learning_rate)
    }

    /// Returns the gradient of `loss` with respect to all trained tensors, as one vector laid out like `weights`;
    /// 0 for a tensor on which `loss` does not depend.
    ///
    /// # Errors
    /// libtorch's.
    pub fn gradient(&self, loss: &Tensor) -> Result<Tensor, TchError> {
        let gradients = Tensor::f_run_backward(&[loss], &self.trained, false, false)?;
        tch::no_grad(|| {
            let flat: Vec<Tensor> = gradients
                .iter()
                .zip(&self.trained)
                .map(|(gradient, weight)| match gradient.defined() {
                    true => gradient.f_reshape([-1]),
                    false => {
                        Tensor::f_zeros([weight.numel() as i64], (weight.kind(), weight.device()))
                    }
                })
                .collect::<Result<_, _>>()?;
            Tensor::f_cat(&flat, 0)
        })
    }

    /// Takes one step along `gradient` with this learning rate.
    ///
    /// # Errors
    /// libtorch's.
    pub fn apply(&mut self, gradient: &Tensor, learning_rate: f64) -> Result<(), TchError> {
        tch::no_grad(|| {
            let decayed = match self.decay {
                WeightDecay::L2(rate) if rate != 0.0 => {
                    Some(gradient.f_add(&self.weights.f_mul_scalar(rate)?)?)
                }
                WeightDecay::Decoupled(rate) if rate != 0.0 => {
                    let _ = self.weights.f_mul_scalar_(1.0 - learning_rate * rate)?;
                    None
                }
                _ => None,
            };
            let gradient = decayed.as_ref().unwrap_or(gradient);
            self.steps += 1;
            let steps = self.steps as i32;
            let (correction1, correction2) = (1.0 - BETA1.powi(steps), 1.0 - BETA2.powi(steps));
            let [first, second] = &mut self.moments;
            let _ = first.f_lerp_(gradient, 1.0 - BETA1)?;
            let _ = second
                .f_mul_scalar_(BETA2)?
                .f_addcmul_(gradient, &gradient.f_mul_scalar(1.0 - BETA2)?)?;
            let denominator = second
                .f_sqrt()?
                .f_div_scalar_(correction2.sqrt())?
                .f_add_scalar_(EPS)?;
            let update = first
                .f_div(&denominator)?
                .f_mul_scalar_(-learning_rate / correction1)?;
            let _ = self.weights.f_add_(&update)?;
            Ok(())
        })
    }

    /// Returns the two moments and the number of steps, which a resumed run needs beside the weights.
    pub fn state(&self) -> ([Tensor; 2], i64) {
        (
            self.moments.each_ref().map(Tensor::shallow_clone),
            self.steps,
        )
    }

    /// Restores what [`Adam::state`] returned.
    ///
    /// # Errors
    /// libtorch's, where the sizes differ.
    pub fn restore(&mut self, moments: &[Tensor; 2], steps: i64) -> Result<(), TchError> {
        tch::no_grad(|| {
            for (own, saved) in self.moments.iter_mut().zip(moments) {
                own.f_copy_(saved)?;
            }
            self.steps = steps;
            Ok(())
        })
    }
}
