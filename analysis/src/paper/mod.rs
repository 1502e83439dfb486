//! The published numbers of the paper and its reproductions, and the paper's terms on Waterbirds-100.

pub mod published;
pub mod waterbirds;
