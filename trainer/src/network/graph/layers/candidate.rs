//! What is known of a layer at which a network can be explained.

use crate::network::graph::layers::names::MADE_OF;

/// A layer that can be explained.
#[derive(Clone, Debug, PartialEq)]
pub struct Candidate {
    /// Its value.
    pub value: usize,
    /// The outermost module whose output it is; "@1" follows for the module's second call, and so on. "+"
    /// follows the last module before it where it is what the model itself makes of that one's output.
    pub module: String,
    /// The further modules within that one whose output it is.
    pub inner: Vec<String>,
    /// Where its axes are.
    pub form: Form,
    /// Rows and columns.
    pub grid: [i64; 2],
    /// Numbers at each place.
    pub channels: i64,
    /// Whether the logits depend on the places of the map, as far as the graph shows. Behind the last block
    /// of a transformer often only the class token goes on to them.
    pub reaches_logits: bool,
    /// Whether all that is done with it is to norm the channels of each place. Such norms ignore the scale
    /// of their input, so Input × Gradient, summed over the channels, is zero there but for rounding (for
    /// Swin, the sum over the places that are merged; for a ViT, in front of the last block, from which only
    /// the class token goes on).
    pub is_only_normed: bool,
    /// Whether it is only another order of the elements of a layer before it, or of the images.
    pub is_moved: bool,
    /// Whether it is a padded map, or made place by place of one: some of its places are no places of the
    /// images.
    pub is_padded: bool,
    /// The node that makes it.
    pub(crate) node: usize,
}

impl Candidate {
    /// Whether it is the output of a module.
    pub(crate) fn is_output(&self) -> bool {
        !self.module.contains(MADE_OF)
    }
}

/// Where the axes of a map are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// (N, C, h, w).
    ChannelsFirst,
    /// (N, h, w, C).
    ChannelsLast,
    /// (N, T, C): `before` tokens of another kind, the h · w places row after row, and perhaps more tokens.
    Tokens {
        /// Class, distillation and register tokens.
        before: i64,
    },
}
