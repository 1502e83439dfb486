//! The geometry of a convolution.

/// Stride, padding and groups of a convolution.
#[derive(Clone, Copy, Debug)]
pub struct Window {
    /// The stride, the same in both directions.
    pub stride: i64,
    /// Zeros above and below, and left and right.
    pub padding: [i64; 2],
    /// PyTorch's `groups`: channels are convolved within each group alone.
    pub groups: i64,
}
