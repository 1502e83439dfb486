//! What the paper and its reproductions say: their published numbers, and their names on Waterbirds-100.

pub mod published;
pub mod waterbirds;
