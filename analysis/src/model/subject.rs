//! Defines the two halves of a row of `metrics.parquet`: [`Subject`], what a metric was measured on, and
//! [`Metric`], its name and value.

use crate::model::configuration::Amount;

/// The name of the split that reports show.
pub const TEST: &str = "test";

/// The name of the split by which validation chooses.
pub const VALIDATION: &str = "val";

/// The task whose classes are the data set's own; Waterbirds also has a `reversed` one.
pub const CONVENTIONAL: &str = "conventional";

/// The part of a split that a metric is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// All of it.
    All,
    /// A group of its images.
    Group(i32),
    /// The pairs of that class; a pair is an image and a class on it.
    Class(i32),
    /// The pairs whose boxes cover a share of the image from `low` to below `high`.
    Size {
        /// The lower end, which is included.
        low: Amount,
        /// The upper end, which is excluded, but for 1: boxes that cover the whole image are in the last part.
        high: Amount,
    },
}

/// What a metric was measured on: a checkpoint, through maps of one method at one layer in one
/// precision, over one split or a part of it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Subject {
    /// The run.
    pub run_id: String,
    /// The epoch of the checkpoint.
    pub checkpoint: i32,
    /// The split of the data, e.g. `val` or `test`.
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
    /// Its name, e.g. `epg`.
    pub metric: String,
    /// For IoU, the threshold on the map scaled to 0–1; else `None`.
    pub threshold: Option<f64>,
    /// A fraction for most metrics; `None` where it is undefined.
    pub value: Option<f64>,
    /// The number of pairs or images that it is over.
    pub n: i64,
}
