//! [`PoolMetric`], a metric of the logits of many images: its name, its value, and its test.

use super::outcomes::Counts;

/// A metric of the logits of some images.
#[derive(Debug, Clone, Copy)]
pub struct PoolMetric {
    /// Its name in tables.
    pub name: &'static str,
    /// Its name for people.
    pub title: &'static str,
    /// The tasks that have it.
    pub task: Task,
    /// Its value, a share; `None` where undefined.
    pub value: fn(&Pool) -> Option<f64>,
    /// Whether it gets a bootstrap interval and is compared between runs.
    pub interval: bool,
    /// The test of the difference between two runs.
    pub test: PairedTest,
}

/// The tasks that have a metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Task {
    /// All.
    Any,
    /// To tell two classes apart.
    OneOfTwo,
}

/// How a difference between two runs is tested over images.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PairedTest {
    /// By permutation, which swaps an image's [`Counts`]. The value must depend on these alone.
    SwappedCounts,
    /// McNemar's test of the images that one run alone has right.
    McNemar,
    /// Not at all.
    None,
}

/// The pooled outcomes of some images, each counted as often as it was drawn.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Pool {
    /// Outcomes of their cells.
    pub counts: Counts,
    /// Images whose greatest logit is their label.
    pub n_right: u64,
    /// Images that have logits and one label.
    pub n_judged: u64,
    /// Average precision of each class.
    pub precisions: Vec<Option<f64>>,
}
