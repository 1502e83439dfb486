//! Defines [`PairMetric`], a metric of one pair (an image and a class on it, so one map and one mask): its
//! name, its value, and how its mean over pairs is taken.

use super::input::{Pair, Thresholds};

/// A metric of one map against one mask.
#[derive(Debug, Clone, Copy)]
pub struct PairMetric {
    /// Its name in tables.
    pub name: &'static str,
    /// Its name for people.
    pub title: &'static str,
    /// Which pairs have it.
    pub over: Over,
    /// The threshold of IoU that it uses; `metrics.parquet` shows it.
    pub threshold: Threshold,
    /// Computes its value; `None` where undefined. Called only for pairs that have the metric.
    pub value: fn(&Pair) -> Option<f64>,
    /// How its mean over pairs is taken.
    pub mean: Mean,
    /// Whether its mean gets a bootstrap interval and is compared between runs.
    pub interval: bool,
    /// Whether it is a share, which people read in percent, rather than another number.
    pub share: bool,
    /// Whether every evaluation has it. Any other is computed where it is asked for (`evaluator score --metric`).
    pub standard: bool,
}

/// Which pairs have a metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Over {
    /// All pairs.
    Pairs,
    /// Pairs in which every object of the class has a segmentation.
    SegmentedPairs,
    /// Pairs whose class can say something about guidance (docs/SPEC.md B), where the data also has classes that
    /// cannot.
    InformativePairs,
    /// Those of [`Over::InformativePairs`] in which every object of the class has a segmentation.
    InformativeSegmentedPairs,
}

/// Which threshold of IoU a metric uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Threshold {
    /// It has none.
    None,
    /// The fixed one (`--threshold`).
    Fixed,
    /// The one chosen on validation (`--threshold-from`). Without it no pair has the metric.
    Tuned,
}

/// How undefined values enter a mean over pairs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mean {
    /// They count as 0.
    UndefinedAsZero,
    /// They are left out.
    OverDefined,
    /// No mean is taken: the values are in `scores.parquet` only.
    NotTaken,
}

/// What measuring a metric of one pair gave.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Measured {
    /// The pair does not have the metric.
    Absent,
    /// The pair has the metric, but its value is undefined (e.g. 0/0).
    Undefined,
    /// The value.
    Value(f64),
}

impl PairMetric {
    /// Measures one pair.
    pub fn measure(&self, pair: &Pair) -> Measured {
        let (is_segmented, is_informative) = (
            pair.segmentation.is_some(),
            pair.is_informative == Some(true),
        );
        let has_it = match self.over {
            Over::Pairs => true,
            Over::SegmentedPairs => is_segmented,
            Over::InformativePairs => is_informative,
            Over::InformativeSegmentedPairs => is_segmented && is_informative,
        };
        if !has_it || !self.is_asked(pair.thresholds) {
            return Measured::Absent;
        }
        (self.value)(pair).map_or(Measured::Undefined, Measured::Value)
    }

    /// Whether every pair has the metric.
    pub fn is_of_all(&self, thresholds: Thresholds) -> bool {
        self.over == Over::Pairs && self.is_asked(thresholds)
    }

    /// Whether the threshold that it needs, if any, was given.
    fn is_asked(&self, thresholds: Thresholds) -> bool {
        self.threshold != Threshold::Tuned || thresholds.tuned.is_some()
    }

    /// Returns the value that a pair contributes to the mean; `None` where it does not count.
    pub fn counted(&self, measured: Measured) -> Option<f64> {
        match (measured, self.mean) {
            (Measured::Value(value), _) => Some(value),
            (Measured::Undefined, Mean::UndefinedAsZero) => Some(0.0),
            _ => None,
        }
    }

    /// Returns the threshold that its rows show.
    pub fn threshold_of(&self, thresholds: Thresholds) -> Option<f64> {
        match self.threshold {
            Threshold::None => None,
            Threshold::Fixed => Some(thresholds.fixed),
            Threshold::Tuned => thresholds.tuned_value(),
        }
    }
}

impl Measured {
    /// Returns the value for a table's cell; `None` becomes null.
    pub fn value(self) -> Option<f64> {
        match self {
            Self::Value(value) => Some(value),
            Self::Absent | Self::Undefined => None,
        }
    }
}
