//! The formulas (SPEC B): what one map has of one mask ([`pair`]), and what a split's logits or pairs have
//! together ([`pooled`]).

pub mod energy;
pub mod grid_pointing;
mod mean;
pub mod overlap;
pub mod pair;
pub mod pooled;
mod vocabulary;

pub(crate) use mean::mean;
pub(crate) use vocabulary::{AVERAGE_PRECISION, IOU_SWEEP, WORST_GROUP, shares, titles};
pub use vocabulary::{Of, Undefined, Word, vocabulary};
