//! Defines [`Chosen`]: which metrics of maps an evaluation computes. The standard ones always are, and others
//! where they are asked for by name.

use std::str::FromStr;

use super::pair::{PAIR_METRICS, PairMetric};
use super::tally::{TALLY_METRICS, TallyMetric};

/// The word that asks for every metric.
const EVERY: &str = "all";

/// Which metrics are computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Chosen {
    /// For each of [`PAIR_METRICS`], in their order, whether it is.
    pairs: [bool; PAIR_METRICS.len()],
    /// For each of [`TALLY_METRICS`], in their order, whether it is.
    tallies: [bool; TALLY_METRICS.len()],
}

/// The standard metrics alone.
impl Default for Chosen {
    fn default() -> Self {
        Self {
            pairs: std::array::from_fn(|k| PAIR_METRICS[k].standard),
            tallies: [false; TALLY_METRICS.len()],
        }
    }
}

impl Chosen {
    /// Every metric.
    pub const ALL: Self = Self {
        pairs: [true; PAIR_METRICS.len()],
        tallies: [true; TALLY_METRICS.len()],
    };

    /// Whether the metric of pairs (an image and a class on it) with index `k` in [`PAIR_METRICS`] is computed.
    pub fn has_pair(&self, k: usize) -> bool {
        self.pairs[k]
    }

    /// Returns the metrics of pairs that are computed, in the order of the tables.
    pub fn of_pairs(&self) -> impl Iterator<Item = &'static PairMetric> {
        let metrics = PAIR_METRICS.iter().zip(self.pairs);
        metrics.filter_map(|(metric, is_chosen)| is_chosen.then_some(metric))
    }

    /// Returns the metrics of all maps together that are computed, in the order of the tables.
    pub fn of_all_maps(&self) -> impl Iterator<Item = &'static TallyMetric> {
        let metrics = TALLY_METRICS.iter().zip(self.tallies);
        metrics.filter_map(|(metric, is_chosen)| is_chosen.then_some(metric))
    }

    /// Returns the names of those that are computed beside the standard ones.
    pub fn added(&self) -> Vec<&'static str> {
        let of_pairs = self.of_pairs().filter(|metric| !metric.standard);
        let of_pairs = of_pairs.map(|metric| metric.name);
        of_pairs
            .chain(self.of_all_maps().map(|metric| metric.name))
            .collect()
    }
}

/// Reads the name of a metric, or `all`. A standard metric's name changes nothing.
impl FromStr for Chosen {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        if name == EVERY {
            return Ok(Self::ALL);
        }
        let mut chosen = Self::default();
        let of_pairs = PAIR_METRICS.iter().map(|metric| metric.name);
        let of_all_maps = TALLY_METRICS.iter().map(|metric| metric.name);
        let places = chosen.pairs.iter_mut().chain(&mut chosen.tallies);
        let mut named = of_pairs.chain(of_all_maps).zip(places);
        let Some((_, is_chosen)) = named.find(|(known, _)| *known == name) else {
            let names = Self::ALL.added().join(", ");
            return Err(format!("expected {EVERY} or one of {names}"));
        };
        *is_chosen = true;
        Ok(chosen)
    }
}

/// Puts several choices together; none is the standard metrics.
impl FromIterator<Chosen> for Chosen {
    fn from_iter<I: IntoIterator<Item = Chosen>>(choices: I) -> Self {
        let both = |a: Self, b: Self| Self {
            pairs: std::array::from_fn(|k| a.pairs[k] || b.pairs[k]),
            tallies: std::array::from_fn(|k| a.tallies[k] || b.tallies[k]),
        };
        choices.into_iter().fold(Self::default(), both)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn added(names: &[&str]) -> Vec<&'static str> {
        let choices = names.iter().map(|name| name.parse::<Chosen>().unwrap());
        choices.collect::<Chosen>().added()
    }

    #[test]
    fn names_are_added_to_the_standard_metrics() {
        assert_eq!(added(&[]), [""; 0]);
        assert_eq!(added(&["epg", "iou_tuned"]), [""; 0]);
        assert_eq!(added(&["gini", "auc", "gini"]), ["auc", "gini"]);
        assert_eq!(added(&["px_ap", "auc"]), ["auc", "px_ap"]);
        assert_eq!(added(&["auc", "all"]), Chosen::ALL.added());
        assert_eq!(Chosen::ALL.of_pairs().count(), PAIR_METRICS.len());
        assert_eq!(Chosen::ALL.of_all_maps().count(), TALLY_METRICS.len());
        assert!("AUC".parse::<Chosen>().is_err());
        assert!("".parse::<Chosen>().is_err());
    }
}
