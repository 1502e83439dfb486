//! Defines [`Configuration`]: everything that decides a run's result except λ (the weight of the localization
//! loss), the seed, and the id and epoch of the run that it starts from. A run is one training. The trainer
//! writes a hash of the configuration into `run.parquet`, which is the same for all its runs. The paper tries
//! three λ for each configuration and merges their checkpoints into one Pareto front (docs/SPEC.md E.4). Runs
//! that differ in the seed alone show how much of a number is chance. [`crate::model::training`] compares the
//! training of runs of different configurations.

use std::cmp::Ordering;
use std::fmt;

use crate::format::number;
use crate::model::loss::Loss;
use crate::model::names;

/// A number that can be a key of a map: ordered and compared by [`f64::total_cmp`], so that −0 is not 0 and a NaN
/// equals itself.
#[derive(Debug, Clone, Copy)]
pub struct Amount(pub f64);

impl Ord for Amount {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.total_cmp(&other.0)
    }
}

impl PartialOrd for Amount {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Amount {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Amount {}

/// A layer, ordered from the network's input to its output.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Layer {
    /// Its position from the input, 0, to the output; layers that are not known here come last.
    depth: usize,
    spelling: String,
}

impl Layer {
    /// The layer of that spelling.
    pub fn of(spelling: &str) -> Self {
        Self {
            depth: names::layer_order(spelling),
            spelling: spelling.to_owned(),
        }
    }

    /// Its spelling in the tables, e.g. `mid2`; `Display` gives its name for people, e.g. `Mid2`.
    pub fn spelling(&self) -> &str {
        &self.spelling
    }
}

impl fmt::Display for Layer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(names::layer(&self.spelling))
    }
}

/// The annotations of a run, which may differ from the default: all boxes, undilated.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Variant {
    /// `box` or `segmentation`.
    pub annotation: String,
    /// Share of the training images whose annotations were used.
    pub annotated_fraction: Amount,
    /// Dilation of the boxes in training: the share of its width or height by which a box grows to each side.
    pub dilation: Amount,
}

impl Variant {
    /// Whether it is the default.
    pub fn is_plain(&self) -> bool {
        self.annotation == "box" && self.annotated_fraction.0 >= 1.0 && self.dilation.0 == 0.0
    }

    /// The differences from the default, each in a few words.
    pub fn departures(&self) -> Vec<String> {
        // With six decimals at most.
        let percent = |share: Amount| number((share.0 * 1e8).round() / 1e6);
        let mut parts = Vec::new();
        if self.dilation.0 != 0.0 {
            parts.push(format!("boxes dilated {} %", percent(self.dilation)));
        }
        if self.annotated_fraction.0 < 1.0 {
            parts.push(format!("{} % annotated", percent(self.annotated_fraction)));
        }
        if self.annotation != "box" {
            parts.push(self.annotation.clone());
        }
        parts
    }
}

/// A configuration: its hash, which alone decides whether two are the same, and the fields that
/// exhibits use.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Configuration {
    /// The trainer's hash of the configuration.
    pub hash: String,
    /// Attribution method of the maps that were guided (of a baseline, validated).
    pub attribution: String,
    /// Layer of these maps.
    pub layer: Layer,
    /// Localization loss; `None` for a baseline.
    pub loss: Option<Loss>,
    /// The loss's own options, e.g. `exponent=0.5`; empty where it has none.
    pub options: String,
    /// Annotations used.
    pub variant: Variant,
}

impl Configuration {
    /// Loss with its options and the differences of its annotations from the default, e.g. `Energy, 1 %
    /// annotated`.
    pub fn label(&self) -> String {
        label(self.loss.as_ref(), &self.options, Some(&self.variant))
    }
}

/// Returns the words for a loss with its options, and for what differs in its annotations from the
/// default (all boxes, undilated). Without a loss it is `Baseline`.
pub fn label(loss: Option<&Loss>, options: &str, variant: Option<&Variant>) -> String {
    let Some(loss) = loss else {
        return "Baseline".to_owned();
    };
    let departures = variant.map(Variant::departures).unwrap_or_default();
    let parts: Vec<String> = std::iter::once(loss.with(options))
        .chain(departures)
        .collect();
    parts.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn departures_are_what_is_not_usual() {
        let plain = Variant {
            annotation: "box".to_owned(),
            annotated_fraction: Amount(1.0),
            dilation: Amount(0.0),
        };
        assert!(plain.is_plain() && plain.departures().is_empty());
        let other = Variant {
            annotation: "segmentation".to_owned(),
            annotated_fraction: Amount(0.07),
            dilation: Amount(0.25),
        };
        assert!(!other.is_plain());
        assert_eq!(
            other.departures(),
            ["boxes dilated 25 %", "7 % annotated", "segmentation"]
        );
    }

    #[test]
    fn layers_are_ordered_from_the_input() {
        let mut layers = ["final", "other", "mid2", "input"].map(Layer::of);
        layers.sort();
        assert_eq!(
            layers.map(|layer| layer.spelling().to_owned()),
            ["input", "mid2", "final", "other"]
        );
    }
}
