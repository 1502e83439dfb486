//! Training or evaluation.

/// Which statistics batch norm uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// The batch's, as in training (SPEC H.4: maps of a batch then depend on each other).
    Train,
    /// The running ones.
    Eval,
}
