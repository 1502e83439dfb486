//! Metrics of a split's logits.

mod classification;

pub use classification::*;
