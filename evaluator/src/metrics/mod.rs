//! The formulas (SPEC B): what one map has of one mask ([`pair`]), and what a split's logits or pairs have
//! together ([`pooled`]).

pub mod energy;
pub mod grid_pointing;
mod mean;
pub mod overlap;
pub mod pair;
pub mod pooled;

pub(crate) use mean::mean;
