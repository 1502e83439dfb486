//! Holds what was published, to compare our results with: the numbers of the paper (Rao, Böhle et al., ICCV 2023)
//! and of two reproductions, and the group of Waterbirds-100 that the paper calls the worst.

pub mod published;
pub mod waterbirds;
