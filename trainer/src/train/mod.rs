//! Training: the step, the epoch around it and its validation.

pub mod adam;
pub mod micro_batch;
mod readings;
mod start;
pub mod training;
pub mod validation;
