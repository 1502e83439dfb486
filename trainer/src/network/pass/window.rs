//! The geometry of a convolution.

/// Stride, padding and groups of a convolution.
#[derive(Clone, Copy, Debug)]
pub struct Window {
    /// The stride, the same in both directions.
    pub stride: i64,
    /// Zeros on each side: [above and below, left and right].
    pub padding: [i64; 2],
    /// PyTorch's `groups`: the channels are divided into so many groups, each convolved by itself.
    pub groups: i64,
}
