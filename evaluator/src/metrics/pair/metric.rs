//! [`PairMetric`], a metric of one pair: its name, its value, and how its mean is taken.

use super::input::{Pair, Thresholds};

/// A metric of one map against one mask.
#[derive(Debug, Clone, Copy)]
pub struct PairMetric {
    /// Its name in tables.
    pub name: &'static str,
    /// Its name for people.
    pub title: &'static str,
    /// The pairs that have it.
    pub over: Over,
    /// The threshold it is at, which is in its row of `metrics.parquet`.
    pub threshold: Threshold,
    /// Its value; `None` where undefined. Called only for pairs that have it.
    pub value: fn(&Pair) -> Option<f64>,
    /// Its mean over pairs.
    pub mean: Mean,
    /// Whether its mean gets a bootstrap interval and is compared between runs.
    pub interval: bool,
    /// Whether it is a share, which people read in percent, rather than another number.
    pub share: bool,
}

/// The pairs that have a metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Over {
    /// All.
    Pairs,
    /// Those whose class is segmented in the image.
    SegmentedPairs,
}

/// The threshold a metric is at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Threshold {
    /// It has none.
    None,
    /// IoU's fixed one.
    Fixed,
    /// The one chosen on validation; without it no pair has the metric.
    Tuned,
}

/// How undefined values enter a mean over pairs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mean {
    /// As 0.
    UndefinedAsZero,
    /// Not at all.
    OverDefined,
    /// No mean is taken: the values stand in `scores.parquet` alone.
    NotTaken,
}

/// The value of a metric for one pair.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Measured {
    /// Nothing: the pair does not have it.
    Absent,
    /// It is undefined.
    Undefined,
    /// A value.
    Value(f64),
}

impl PairMetric {
    /// Measures one pair.
    pub fn measure(&self, pair: &Pair) -> Measured {
        let has_it = self.over == Over::Pairs || pair.segmentation.is_some();
        if !has_it || !self.is_asked(pair.thresholds) {
            return Measured::Absent;
        }
        (self.value)(pair).map_or(Measured::Undefined, Measured::Value)
    }

    /// Whether every pair has it.
    pub fn is_of_all(&self, thresholds: Thresholds) -> bool {
        self.over == Over::Pairs && self.is_asked(thresholds)
    }

    fn is_asked(&self, thresholds: Thresholds) -> bool {
        self.threshold != Threshold::Tuned || thresholds.tuned.is_some()
    }

    /// The value that a pair contributes to the mean; `None` where it does not count.
    pub fn counted(&self, measured: Measured) -> Option<f64> {
        match (measured, self.mean) {
            (Measured::Value(value), _) => Some(value),
            (Measured::Undefined, Mean::UndefinedAsZero) => Some(0.0),
            _ => None,
        }
    }

    /// The threshold of its rows.
    pub fn threshold_of(&self, thresholds: Thresholds) -> Option<f64> {
        match self.threshold {
            Threshold::None => None,
            Threshold::Fixed => Some(thresholds.fixed),
            Threshold::Tuned => thresholds.tuned_value(),
        }
    }
}

impl Measured {
    /// The value in a table's cell.
    pub fn value(self) -> Option<f64> {
        match self {
            Self::Value(value) => Some(value),
            Self::Absent | Self::Undefined => None,
        }
    }
}
