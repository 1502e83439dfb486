//! [`Subject`], what a metric is measured on, and [`Metric`], its value in `metrics.parquet`.

use crate::model::configuration::Amount;

/// The split that is reported.
pub const TEST: &str = "test";

/// The task whose classes are the data set's own.
pub const CONVENTIONAL: &str = "conventional";

/// The part of a split that a metric is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// All of it.
    All,
    /// A group of its images.
    Group(i32),
    /// The pairs of a class.
    Class(i32),
    /// The pairs whose mask covers a share of the pixels in [low, high).
    Size {
        /// Least share.
        low: Amount,
        /// The share that is too much.
        high: Amount,
    },
}

/// What a metric was measured on: a checkpoint, through maps of one method at one layer in one
/// precision, over one split or a part of it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Subject {
    /// Run.
    pub run_id: String,
    /// Epoch.
    pub checkpoint: i32,
    /// Split.
    pub split: String,
    /// The task whose classes and masks were scored; a baseline may be scored for both.
    pub task: String,
    /// Attribution method of the maps.
    pub attribution: String,
    /// Layer of the maps.
    pub layer: String,
    /// The precision that the maps were computed in, if it is known.
    pub precision: Option<String>,
    /// The part of the split.
    pub part: Part,
}

/// One row of `metrics.parquet` without its subject.
#[derive(Debug, Clone, PartialEq)]
pub struct Metric {
    /// Spelling, as in docs/schemas.md.
    pub metric: String,
    /// Threshold on the scaled map, for IoU.
    pub threshold: Option<f64>,
    /// Fraction; `None` where undefined.
    pub value: Option<f64>,
    /// Pairs or images it is over.
    pub n: i64,
}
