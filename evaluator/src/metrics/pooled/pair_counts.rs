//! Counts pairs (an image and a class on it) whose EPG is 0 or undefined not because of where the map's attribution
//! lies, but because the mask is empty (IoU is then 0, too) or the attribution too small (docs/SPEC.md B).

use crate::metrics::pair::ScoredPair;

/// A kind of pair that is counted.
#[derive(Debug, Clone, Copy)]
pub struct PairCount {
    /// Its name in tables.
    pub name: &'static str,
    /// Its name for people.
    pub title: &'static str,
    /// Whether a pair is of this kind.
    pub is_one: fn(&ScoredPair) -> bool,
}

/// Pairs whose boxes cover no pixel at the size of the network's input (SPEC A.5): IoU is 0, and so is EPG,
/// unless it is undefined.
pub const EMPTY_MASK: PairCount = PairCount {
    name: "empty_mask",
    title: "Pairs whose boxes cover no cell of the mask",
    is_one: |pair| pair.mask_area == 0,
};

/// Pairs whose map is nowhere positive: EPG's denominator is 0. `epg` counts them as 0, `epg_defined` leaves
/// them out.
pub const NO_POSITIVE: PairCount = PairCount {
    name: "no_positive",
    title: "Pairs whose map has no positive attribution",
    is_one: |pair| pair.energy.share().is_none(),
};

/// Pairs with positive attribution whose sum is below the official code's 1e-7: `epg` counts them as 0, as that
/// code does; `epg_defined` takes their share.
pub const UNDER_CONSTANT: PairCount = PairCount {
    name: "under_constant",
    title: "Pairs whose positive attribution is in all below the constant 1e-7",
    is_one: |pair| pair.energy.is_under_constant(),
};

/// All kinds, in the order of the tables.
pub const PAIR_COUNTS: [PairCount; 3] = [EMPTY_MASK, NO_POSITIVE, UNDER_CONSTANT];

impl PairCount {
    /// Returns how many of `pairs` are of this kind.
    pub fn of<'a>(&self, pairs: impl IntoIterator<Item = &'a ScoredPair>) -> usize {
        pairs
            .into_iter()
            .filter(|&pair| (self.is_one)(pair))
            .count()
    }
}
