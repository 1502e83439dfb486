//! Defines [`Mode`], training or evaluation.

/// Which statistics batch norms use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// The statistics of the batch. The maps of its images then depend on each other (docs/SPEC.md H.4).
    Train,
    /// The running statistics.
    Eval,
}
