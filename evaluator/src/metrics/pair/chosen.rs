//! Defines [`Chosen`]: which metrics of pairs (an image and a class on it) an evaluation computes. The standard ones
//! always are, and others where they are asked for by name.

use std::str::FromStr;

use super::list::PAIR_METRICS;
use super::metric::PairMetric;

/// The word that asks for every metric.
const EVERY: &str = "all";

/// For each of [`PAIR_METRICS`], in their order, whether it is computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Chosen([bool; PAIR_METRICS.len()]);

/// The standard metrics alone.
impl Default for Chosen {
    fn default() -> Self {
        Self(std::array::from_fn(|k| PAIR_METRICS[k].standard))
    }
}

impl Chosen {
    /// Every metric.
    pub const ALL: Self = Self([true; PAIR_METRICS.len()]);

    /// Whether the metric with index `k` in [`PAIR_METRICS`] is computed.
    pub fn has(&self, k: usize) -> bool {
        self.0[k]
    }

    /// Returns the metrics that are computed, in the order of the tables.
    pub fn metrics(&self) -> impl Iterator<Item = &'static PairMetric> {
        let metrics = PAIR_METRICS.iter().zip(self.0);
        metrics.filter_map(|(metric, is_chosen)| is_chosen.then_some(metric))
    }

    /// Returns the names of those that are computed beside the standard ones.
    pub fn added(&self) -> Vec<&'static str> {
        let added = self.metrics().filter(|metric| !metric.standard);
        added.map(|metric| metric.name).collect()
    }
}

/// Reads the name of a metric, or `all`. A standard metric's name changes nothing.
impl FromStr for Chosen {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        if name == EVERY {
            return Ok(Self::ALL);
        }
        let mut metrics = PAIR_METRICS.iter();
        let Some(index) = metrics.position(|metric| metric.name == name) else {
            let names = Self::ALL.added().join(", ");
            return Err(format!("expected {EVERY} or one of {names}"));
        };
        let mut chosen = Self::default();
        chosen.0[index] = true;
        Ok(chosen)
    }
}

/// Puts several choices together; none is the standard metrics.
impl FromIterator<Chosen> for Chosen {
    fn from_iter<I: IntoIterator<Item = Chosen>>(choices: I) -> Self {
        let both = |a: Self, b: Self| Self(std::array::from_fn(|k| a.0[k] || b.0[k]));
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
        assert_eq!(added(&["auc", "all"]), Chosen::ALL.added());
        assert_eq!(Chosen::ALL.metrics().count(), PAIR_METRICS.len());
        assert!("AUC".parse::<Chosen>().is_err());
        assert!("".parse::<Chosen>().is_err());
    }
}
