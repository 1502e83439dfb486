//! One map against one mask.

mod scored;

pub use scored::{PairDetail, PairScore, ScoredPair, score_pair};
