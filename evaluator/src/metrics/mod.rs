//! The formulas of the metrics (docs/SPEC.md B). [`pair`] has those of one map and one mask, whose means
//! are taken over pairs (an image and a class on it); [`pooled`] has those of the logits or pairs of a
//! whole split together, and [`tally`] those of all its maps together. [`Chosen`] says which are computed.

mod boxes;
mod chosen;
pub mod curve;
pub mod energy;
pub mod grid_pointing;
mod mean;
pub mod overlap;
pub mod pair;
pub mod pooled;
mod precision;
pub mod rank_correlation;
mod stretched;
mod sums;
pub mod tally;
mod vocabulary;

pub use chosen::Chosen;
pub(crate) use mean::mean;
pub(crate) use precision::Precision;
pub(crate) use vocabulary::{
    ADJUSTED_ACCURACY, AVERAGE_PRECISION, IOU_SWEEP, WORST_GROUPS, shares, titles,
};
pub use vocabulary::{Of, Undefined, Word, vocabulary};
