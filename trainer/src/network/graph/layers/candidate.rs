//! Defines [`Candidate`], what is known of a layer at which a network read from a file can be explained: a value of
//! its graph that is a map, with a vector for each place of a grid over the image.

use crate::network::graph::layers::names::MADE_OF;

/// A layer at which the network can be explained.
#[derive(Clone, Debug, PartialEq)]
pub struct Candidate {
    /// The number of its value in the graph.
    pub value: usize,
    /// Its name: the path of the outermost module whose output it is, as "layer3"; for the module's second call
    /// with "@1" at the end, and so on. If no module but the model itself computes it, as a sum of two modules'
    /// outputs, the path of the last module before it with "+" at the end.
    pub module: String,
    /// The paths of the modules within that one whose output it is too.
    pub inner: Vec<String>,
    /// The order of its axes.
    pub order: AxisOrder,
    /// Rows and columns.
    pub grid: [i64; 2],
    /// The number of channels at each place.
    pub channels: i64,
    /// Whether the logits depend on the places of the map, as far as the graph shows. After the last block of a
    /// transformer, often only the class token goes on to the logits.
    pub reaches_logits: bool,
    /// Whether only norms over the channels of each place read it. Such norms ignore the scale of their input, so
    /// Input × Gradient, summed over the channels, is zero there but for rounding. (In Swin, which merges places
    /// first, the sum over the merged places is zero.)
    pub is_only_normed: bool,
    /// Whether it only has the elements of an earlier layer, or of the images, in another order.
    pub is_moved: bool,
    /// Whether it is a padded map, or was computed place by place from one: some of its places lie outside the
    /// image.
    pub is_padded: bool,
    /// The index of the node that makes it.
    pub(crate) node: usize,
}

impl Candidate {
    /// Whether it is the output of a module, and not computed by the model itself.
    pub(crate) fn is_output(&self) -> bool {
        !self.module.contains(MADE_OF)
    }
}

/// The order of the axes of a map: N images, C channels, h rows and w columns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AxisOrder {
    /// (N, C, h, w).
    ChannelsFirst,
    /// (N, h, w, C).
    ChannelsLast,
    /// (N, T, C): T tokens, first `before` that have no place, then one for each of the h · w places, row after
    /// row, then perhaps more without a place.
    Tokens {
        /// The number of class, distillation and register tokens at the beginning.
        before: i64,
    },
}
