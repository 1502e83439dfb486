//! Defines [`Mode`], training or evaluation.

/// Which statistics batch norms use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// The mean and variance of the batch. An image's logits and attribution map then depend on the batch's
    /// other images (docs/SPEC.md H.4).
    Train,
    /// The running mean and variance, gathered in training.
    Eval,
}
