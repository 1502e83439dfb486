//! The geometry of a convolution.

/// Stride, zeros on either side and groups of a convolution.
#[derive(Clone, Copy, Debug)]
pub struct Window {
    /// Step between outputs, the same in both directions.
    pub stride: i64,
    /// Zeros above and below, left and right.
    pub padding: [i64; 2],
    /// Groups of channels that do not see each other.
    pub groups: i64,
}
