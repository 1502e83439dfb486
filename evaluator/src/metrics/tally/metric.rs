//! Defines [`TallyMetric`], a metric of all maps of a set together, and [`Tally`], what it is computed from.

use crate::metrics::pair::Pair;

/// A metric of all maps of a set.
#[derive(Debug, Clone, Copy)]
pub struct TallyMetric {
    /// Its name in tables.
    pub name: &'static str,
    /// Its name for people.
    pub title: &'static str,
    /// Counts of a pair (an image and a class on it), as many for every pair; `None` where the pair is left out.
    pub counts: fn(&Pair) -> Option<Vec<u32>>,
    /// Computes its value, a share, from the counts of all pairs; `None` where undefined.
    pub value: fn(&Tally) -> Option<f64>,
    /// Whether it gets a bootstrap interval and is compared between runs. The counts of each image are kept for
    /// it, so there must be few that differ from the one before.
    pub interval: bool,
}

/// The counts of some pairs, summed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Tally {
    /// The sum of each count; empty without pairs.
    pub counts: Vec<u64>,
    /// The number of pairs.
    pub pairs: u64,
}

impl Tally {
    /// Adds the counts of a pair.
    pub fn add(&mut self, counts: &[u32]) {
        self.counts.resize(counts.len(), 0);
        for (sum, &count) in self.counts.iter_mut().zip(counts) {
            *sum += u64::from(count);
        }
        self.pairs += 1;
    }

    /// Returns the greatest of some counts as a share of the pairs; `None` without pairs.
    pub(super) fn greatest_share(&self, counts: &[u64]) -> Option<f64> {
        let greatest = *counts.iter().max()?;
        (self.pairs > 0).then(|| greatest as f64 / self.pairs as f64)
    }
}
