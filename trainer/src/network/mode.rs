//! [`Mode`], training or evaluation.

/// Which statistics batch norm uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// The batch's, as in training. The maps of a batch then depend on each other (SPEC H.4).
    Train,
    /// The running ones.
    Eval,
}
